"""A choice that the URL names by a stable word, whatever the label on screen says.

Streamlit's own binding writes labels into the URL and leaves the default out; a link to a run or a sentence must
name it even when it is the default of the day.
"""

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st


def linked_choice(
    label: str, options: Sequence[str], key: str, default: str | None, **more: Any
) -> str | None:
    """A selectbox over `options`; the URL's `key` decides, then what this session chose last, then `default`."""
    widget, last = f"{key}-widget", f"{key}-last"
    wanted = st.query_params.get(key) or st.session_state.get(last)
    st.session_state[widget] = wanted if wanted in options else default

    def follow() -> None:
        choose(key, st.session_state[widget])

    picked = st.selectbox(
        label, options, index=None if default is None else 0, key=widget, on_change=follow, **more
    )
    choose(key, picked)
    return picked


def linked_choices(
    label: str, options: Sequence[str], key: str, default: Sequence[str], **more: Any
) -> list[str]:
    """A multiselect over `options`; the URL's `key`, words joined by commas, decides, then `default`."""
    widget = f"{key}-widget"
    wanted = [word for word in (st.query_params.get(key) or "").split(",") if word in options]
    st.session_state[widget] = wanted or list(default)

    def follow() -> None:
        st.query_params[key] = ",".join(st.session_state[widget])

    return st.multiselect(label, options, key=widget, on_change=follow, **more)


def choose(key: str, option: str | None) -> None:
    """Makes `option` the choice, in the URL and for this session."""
    st.session_state[f"{key}-last"] = option
    if option is None:
        st.query_params.pop(key, None)
    elif st.query_params.get(key) != option:
        st.query_params[key] = option


def keep_valid(key: str, options: Collection) -> None:
    """Forgets what a control was set to for another run, where this run has no such choice."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
