"""Serves the dashboard behind the door: closed to other machines, and without requests to them."""

import asyncio
import os
import sys
import webbrowser
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from app.door import LOOPBACK, Door

TOKEN_VARIABLE: Final = "PARALLAX_TOKEN"
"""Holds the token of a dashboard that is open to a network; `lab app --open-to-network` sets it."""


def guarded() -> dict[str, Any]:
    """The arguments of `st.App` that put the door in front of the pages and open a browser on this machine.

    Usage statistics are switched off in this process, whatever files and variables say.

    Raises:
        SystemExit: other machines could reach the dashboard, and there is no token.
    """
    # the jobs that pages start, and their files, never see the token
    token = os.environ.pop(TOKEN_VARIABLE, None) or None
    address = st.get_option("server.address")
    if token is None and address not in LOOPBACK:
        print(
            f"lab: expected the dashboard on 127.0.0.1, got server.address {address!r}, where everybody could start "
            "and stop runs: leave the address out, or open it with a token: lab app --open-to-network",
            file=sys.stderr,
        )
        raise SystemExit(2)
    config.set_option("browser.gatherUsageStats", False)
    door = Middleware(Door, token=token, megabytes=st.get_option("server.maxUploadSize") + 1)

    @asynccontextmanager
    async def opened(_app: st.App) -> AsyncGenerator[None]:
        if not st.get_option("server.headless"):
            await asyncio.to_thread(webbrowser.open, _own_address(token))
        yield

    return {"middleware": [door], "lifespan": opened}


def _own_address(token: str | None) -> str:
    rest = f"/?{urlencode({'token': token})}" if token else ""
    return f"http://localhost:{st.get_option('server.port')}{rest}"
