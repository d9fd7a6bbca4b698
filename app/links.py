"""Choices that the URL names by stable words, whatever the labels on screen say.

Streamlit's own binding writes labels into the URL and leaves the default out. But a link to a run or a sentence must
name the run or the sentence even where it is the default of the day.
"""

from collections.abc import Collection, Sequence
from typing import Any

import streamlit as st


def linked_choice(
    label: str, options: Sequence[str], key: str, default: str | None, **more: Any
) -> str | None:
    """A selectbox over `options`; set by `key` in the URL, else by the last choice of this session, else `default`."""
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
    """A multiselect over `options`; set by `key` in the URL, words joined by commas, else `default`."""
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
    """Forgets the value of a control that was set for another run and is no option of this run."""
    if key in st.session_state and st.session_state[key] not in options:
        del st.session_state[key]
