"""A Plotly template for light and dark pages: without a background, and with colours in between."""

from typing import Final

import plotly.graph_objects as go

from lab.figures.languages import COLOURS

TEMPLATE: Final = "parallax"
TEXT: Final = "#7b8794"
"""A contrast of at least 3.6:1 on white and on JupyterLab's dark #111111."""
GRID: Final = "rgba(128,138,150,0.25)"
CLEAR: Final = "rgba(0,0,0,0)"


def template() -> go.layout.Template:
    """The Plotly template, which a page without a theme sets as the default."""
    axis = {
        "gridcolor": GRID,
        "linecolor": TEXT,
        "zerolinecolor": GRID,
        "tickcolor": TEXT,
        "automargin": True,
    }
    return go.layout.Template(
        layout={
            "paper_bgcolor": CLEAR,
            "plot_bgcolor": CLEAR,
            "font": {"color": TEXT, "size": 13},
            "colorway": list(COLOURS.values()),
            "xaxis": axis,
            "yaxis": axis,
            "scene": {
                name: {"backgroundcolor": CLEAR, "gridcolor": GRID} for name in ("xaxis", "yaxis", "zaxis")
            },
            "hoverlabel": {"align": "left"},
            "modebar": {"bgcolor": CLEAR, "color": TEXT, "activecolor": COLOURS["blue"]},
        }
    )
