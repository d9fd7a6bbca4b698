"""A figure of a page, with the sentences that say how it is read."""

from typing import Any

import plotly.graph_objects as go
import streamlit as st

PLAIN = {"displayModeBar": False}
MAP = {"displayModeBar": False, "scrollZoom": True}


def chart(figure: go.Figure, key: str, alt: str, caption: str | None = None, **options: Any) -> Any:
    """Shows a figure and its caption.

    Args:
        figure: of `lab.figures`.
        key: of the element, which also keeps zoom and selection while the page runs again.
        alt: what the figure is, for those who cannot see it.
        caption: how it is read, in Markdown; None where another figure's caption says it.
        options: of `st.plotly_chart`; `config` is `PLAIN` unless given.

    Returns:
        What the reader selected, where the options let a selection run the page again.
    """
    event = st.plotly_chart(figure, key=key, alt=alt, **{"config": PLAIN, **options})
    if caption:
        st.caption(caption)
    return event
