"""What the ledger's figures must show: bound, ceiling and truth on one axis, and nothing that is not known."""

import math

import pandas as pd
import pytest

from lab.figures import ledger


def row(task: str, nats: float, ceiling: float, truth: float | None, **known) -> dict:
    found = {
        "source": None,
        "target": None,
        "candidates": None,
        "method": "H(token) - cross-entropy",
        "effective_ceiling": None,
        **known,
    }
    return {"task": task, "nats": nats, "low": nats - 0.1, "high": nats + 0.1, "ceiling": ceiling, "truth": truth,
            "words": f"at least {nats}", **found}  # fmt: skip


def rows(truth: bool = True) -> list[dict]:
    def known(nats: float) -> float | None:
        return nats if truth else None

    found = [row("mmlm", 2.0, 5.6, known(5.3)), row("tlm", -0.4, 5.4, known(5.4))]
    for count in (16, 4096):
        for method in ("infonce", "infonce, temperature fitted"):
            nats = math.log(count) - (1.0 if method == "infonce" else 0.5)
            found.append(row("xlco", nats, math.log(count), known(13.88), candidates=count, method=method,
                             effective_ceiling=math.log(count) - 0.2))  # fmt: skip
    return found


def named(figure, part: str):
    return next(trace for trace in figure.data if trace.name and part in trace.name)


def test_of_xlco_the_ledger_shows_the_most_candidates_with_the_fitted_temperature():
    chosen = ledger.tightest(rows())["xlco"]
    assert (chosen["candidates"], chosen["method"]) == (4096, "infonce, temperature fitted")


def test_a_single_direction_neither_heads_the_ledger_nor_joins_the_line():
    one = {**rows()[-1], "source": "ar", "target": "en", "candidates": 131_072}
    assert ledger.tightest([*rows(), one])["xlco"]["candidates"] == 4096
    figure = ledger.by_candidates([*rows(), one])
    alone = next(trace for trace in figure.data if list(trace.x) == [131_072])
    assert alone.mode == "markers"
    assert alone.customdata[0][0].startswith("ar→en: at least")


def test_bound_ceiling_and_truth_of_every_task_share_one_axis():
    figure = ledger.ledger(rows())
    assert list(named(figure, "truth").x) == [13.88, 5.4, 5.3]
    assert list(named(figure, "ceiling").x) == pytest.approx([math.log(4096), 5.4, 5.6])
    assert [trace.xaxis for trace in figure.data if trace.name] == [None, None, None]


def test_a_bound_below_zero_draws_no_bar():
    assert list(named(ledger.ledger(rows()), "at least").x)[1] == 0.0


def test_the_upper_axis_is_the_lower_one_in_bits():
    layout = ledger.ledger(rows()).layout
    assert layout.xaxis2.range[1] == pytest.approx(layout.xaxis.range[1] / math.log(2))


def test_a_truth_that_is_not_known_is_not_drawn():
    figures = (ledger.ledger(rows(truth=False)), ledger.by_candidates(rows(truth=False)))
    for figure in figures:
        assert not [trace for trace in figure.data if trace.name and "truth" in trace.name]


def test_the_axis_of_candidates_reaches_beyond_where_the_ceiling_exceeds_the_truth():
    figure = ledger.by_candidates(rows())
    ceiling = named(figure, "ceiling")
    assert ceiling.y[0] < 13.88 < ceiling.y[-1]
    assert list(ceiling.y) == pytest.approx([math.log(x) for x in ceiling.x])


def test_both_critics_are_drawn_with_their_words():
    figure = ledger.by_candidates(rows())
    for part in ("as trained", "fitted"):
        assert named(figure, part).customdata[0][0].startswith("at least")


def test_growing_bounds_stand_under_ceiling_and_truth():
    steps = pd.DataFrame(
        [
            {"step": s, "bounds.xlco": s / 20, "ceilings.xlco": 5.0, "losses.xlco": 5 - s / 20}
            for s in range(40)
        ]
    )
    figure = ledger.growing(steps, {"xlco": 13.88})
    assert [13.88, 13.88] in [list(trace.y) for trace in figure.data]
    assert figure.layout.yaxis.range[1] > 13.88
    assert len(ledger.growing(steps, {}).data) == len(figure.data) - 1
