"""Metrics of a cell: those of all evaluations, in the order in which they are shown."""

from collections.abc import Iterable

from core.errors import unknown
from lab.figures.metrics import COSTS, RESULTS, WHOLE_SENTENCES, Metric, language_metric, layer_metric
from lab.figures.tasks import STYLES


def all_metrics() -> dict[str, Metric]:
    """Metrics by key, in the order in which they are shown: results, losses, what training cost."""
    of_tasks = [metric for style in STYLES.values() for metric in style.metrics]
    losses = [metric for metric in of_tasks if metric.better == "lower"]
    results = [metric for metric in of_tasks if metric not in losses]
    return {metric.key: metric for metric in (*RESULTS, *results, *WHOLE_SENTENCES, *losses, *COSTS)}


def metric(key: str) -> Metric:
    """A metric by its key: `retrieval_layer_3` reads hidden state 3, `retrieval_language_sw` is of Swahili.

    Raises:
        InputError: there is none, such as that of a task which this version does not have.

    >>> metric("xlco").label
    'XLCO: I(sentence; translation)'
    """
    known = layer_metric(key) or language_metric(key) or all_metrics().get(key)
    if known is None:
        raise unknown("a metric", key, all_metrics())
    return known


def ordered(keys: set[str]) -> list[str]:
    """Metrics in the order in which they are shown, layers and languages last."""
    known = [key for key in all_metrics() if key in keys]
    return known + sorted(keys - set(known), key=lambda key: (len(key), key))


def without_costs(keys: Iterable[str]) -> list[str]:
    """The metrics that figures draw: results, without what training cost.

    >>> without_costs(["retrieval", "seconds"])
    ['retrieval']
    """
    return [key for key in keys if not metric(key).cost]
