"""Where legends stand: on top of a figure, which makes room for as many lines as a narrow page breaks them into."""

from typing import Any, Final

LEGEND: Final[dict[str, Any]] = {
    "orientation": "h",
    "yref": "container",
    "y": 1,
    "yanchor": "top",
    "x": 0,
}
"""Beside the plot (yref paper) a second line of the legend would lie on the curves."""
