"""`lab app`: the dashboard."""

import os
import secrets
import socket
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import psutil

from core.errors import InputError
from lab.cli.console import err

MAIN: Final = Path(__file__).parents[2] / "app" / "main.py"
OPTIONS: Final = MAIN.parent / ".streamlit" / "config.toml"
TOKEN_VARIABLE: Final = "PARALLAX_TOKEN"
"""Tells the dashboard its token; app/serving.py reads it."""
TOKEN_BYTES: Final = 24
HERE, EVERYWHERE = "127.0.0.1", "0.0.0.0"


@dataclass(frozen=True)
class Command:
    """Opens the dashboard in the browser, on this machine only and without requests to other machines.

    With --open-to-network a class can use it: everybody with the printed address and its token can see, start and stop
    runs. The connection is not encrypted, so open it only in a network that you trust.
    """

    port: int = 8501
    """Port of the page."""
    open_to_network: bool = False
    """Let other machines in that show the token."""

    def __call__(self) -> None:
        if find_spec("streamlit") is None:
            raise InputError(
                "the dashboard needs streamlit, which is not installed: pip install 'parallax-lab[app]'"
            )
        address = EVERYWHERE if self.open_to_network else HERE
        check_free(address, self.port)
        if self.open_to_network:
            token = secrets.token_urlsafe(TOKEN_BYTES)
            os.environ[TOKEN_VARIABLE] = token
            links = [f"http://{host}:{self.port}/?token={token}" for host in network_addresses()]
            err.print("open to the network; whoever has this address can start and stop runs:")
            err.print("\n".join(f"  {link}" for link in links), soft_wrap=True)
        else:
            os.environ.pop(TOKEN_VARIABLE, None)
        # Streamlit's own greeting knows no token
        serve(
            {
                "server.address": address,
                "server.port": self.port,
                "logger.hideWelcomeMessage": self.open_to_network,
            }
        )


def serve(options: dict[str, Any]) -> None:
    """Runs the dashboard until it is interrupted, with these options and the options of its own file.

    All options are given on the command line, which outweighs files in the working folder and STREAMLIT_* variables.
    """
    import click
    from streamlit.web import cli

    sys.argv = ["streamlit", "run", str(MAIN), *flags({**file_options(), **options})]
    # Ctrl-C is the usual way to close the dashboard
    with suppress(click.Abort, KeyboardInterrupt):
        cli.main(standalone_mode=False)


def file_options() -> dict[str, Any]:
    """The options of server, browser and client in the dashboard's own file, by `section.key`."""
    sections = tomllib.loads(OPTIONS.read_text(encoding="utf-8"))
    return {
        f"{section}.{key}": value
        for section in ("browser", "server", "client")
        for key, value in sections[section].items()
    }


def flags(options: dict[str, Any]) -> Iterator[str]:
    """Options as arguments of `streamlit run`."""
    for key, value in options.items():
        yield f"--{key}"
        yield str(value).lower() if isinstance(value, bool) else str(value)


def check_free(address: str, port: int) -> None:
    """Checks that a port is free.

    Raises:
        InputError: the port is taken, out of range or reserved.
    """
    if port not in range(1, 65_536):
        raise InputError(f"expected --port from 1 to 65,535, got {port}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            alternative = port % 60_000 + 1
            raise InputError(
                f"port {port} cannot be used ({error.strerror}): choose another, such as lab app --port {alternative}"
            ) from error


def network_addresses() -> list[str]:
    """The addresses of this machine in its networks, read without network traffic; its name where it has none."""
    addresses = [
        entry.address
        for entries in psutil.net_if_addrs().values()
        for entry in entries
        if entry.family == socket.AF_INET and not entry.address.startswith("127.")
    ]
    return addresses or [socket.gethostname()]
