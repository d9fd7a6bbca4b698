"""The place of legends: on top of a figure, with room for all lines of the legend on a narrow page."""

from typing import Any, Final

LEGEND: Final[dict[str, Any]] = {
    "orientation": "h",
    "yref": "container",
    "y": 1,
    "yanchor": "top",
    "x": 0,
}
"""With yref "paper" a second line of the legend would lie on the curves."""
