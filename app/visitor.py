"""The visitor of a page: the number that the door gives each browser, and a name that people may type."""

import streamlit as st

from app.door import visitor_cookie
from lab.store import Run, Starter


def visitor() -> Starter:
    """The visitor of this page."""
    return Starter(name=st.session_state.get("visitor-name", "").strip(), session=_session())


def _session() -> str:
    cookie = st.context.cookies.get(visitor_cookie(int(st.get_option("server.port"))), "")
    # a page that is run without a browser has no headers
    return cookie if isinstance(cookie, str) else ""


def name_field() -> None:
    """Shows a field for the name that others see beside this visitor's runs."""
    st.text_input(
        "Your name", key="visitor-name-widget", value=st.session_state.get("visitor-name", ""), max_chars=60,
        placeholder="optional: shown beside your runs", on_change=_keep,
    )  # fmt: skip


def _keep() -> None:
    # a widget's own value is forgotten where it is not drawn
    st.session_state["visitor-name"] = st.session_state["visitor-name-widget"]


def is_theirs(run: Run) -> bool:
    """Whether this browser started the run."""
    return run.info.starter.session == visitor().session
