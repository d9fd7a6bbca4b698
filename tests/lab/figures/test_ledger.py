"""What the ledger's figures must show: bound, ceiling and truth on one axis, and nothing that is not known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.figures import ledger


def row(task: str, nats: float, ceiling: float, truth: float | None, **known) -> dict:
    entry = {
        "source": None,
        "target": None,
        "candidates": None,
        "method": "H(token) - cross-entropy",
        "effective_ceiling": None,
        **known,
    }
    return {"task": task, "nats": nats, "low": nats - 0.1, "high": nats + 0.1, "ceiling": ceiling, "truth": truth,
            "words": f"bound {nats}", **entry}  # fmt: skip


def rows(truth: bool = True) -> list[dict]:
    def known(nats: float) -> float | None:
        return nats if truth else None

    ledger_rows = [row("mmlm", 2.0, 5.6, known(5.3)), row("tlm", -0.4, 5.4, known(5.4))]
    for count in (16, 4096):
        for method in ("infonce", "infonce, temperature fitted"):
            nats = math.log(count) - (1.0 if method == "infonce" else 0.5)
            ledger_rows.append(row("xlco", nats, math.log(count), known(13.88), candidates=count, method=method,
                             effective_ceiling=math.log(count) - 0.2))  # fmt: skip
    return ledger_rows


def named(figure, part: str):
    return next(trace for trace in figure.data if trace.name and part in trace.name)


def test_of_xlco_the_ledger_shows_the_most_candidates_with_the_fitted_temperature():
    tightest = ledger.tightest(rows())["xlco"]
    assert (tightest["candidates"], tightest["method"]) == (4096, "infonce, temperature fitted")


def test_a_single_direction_neither_heads_the_ledger_nor_joins_the_line():
    direction = {**rows()[-1], "source": "ar", "target": "en", "candidates": 131_072}
    assert ledger.tightest([*rows(), direction])["xlco"]["candidates"] == 4096
    figure = ledger.by_candidates([*rows(), direction])
    alone = next(trace for trace in figure.data if list(trace.x) == [131_072])
    assert alone.mode == "markers"
    assert alone.customdata[0][0].startswith("ar→en: bound")


def test_bound_ceiling_and_truth_of_every_task_share_one_axis():
    figure = ledger.ledger(rows())
    assert list(named(figure, "truth").x) == [13.88, 5.4, 5.3]
    assert list(named(figure, "ceiling").x) == pytest.approx([math.log(4096), 5.4, 5.6])
    assert [trace.xaxis for trace in figure.data if trace.name] == [None, None, None]


def test_a_bound_below_zero_draws_no_bar():
    assert list(named(ledger.ledger(rows()), "bound").x)[1] == 0.0


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
        assert named(figure, part).customdata[0][0].startswith("bound")


def new(task: str, nats: float, ceiling: float, truth: float | None, **known) -> dict:
    """A row as this version writes it; `row` is one of an older version."""
    extra = {"unit": "nats per masked token", "units_per_sentence": 2.0, "truth_error": 0.04, "attainable": truth,
             "attainable_error": 0.04, "language_nats": 1.5, "at_least": nats - 0.08, **known}  # fmt: skip
    return row(task, nats, ceiling, truth, **extra)


def new_rows() -> list[dict]:
    xlco = [
        new("xlco", math.log(count) - 2, math.log(count), 10.6, candidates=count, method=method, units_per_sentence=1.0,
            attainable=0.8 * math.log(count), attainable_error=0.0, language_nats=None, unit="nats per sentence pair")
        for count in (64, 1024)
        for method in ("infonce", "infonce, temperature fitted")
    ]  # fmt: skip
    return [new("mmlm", 4.0, 7.2, 6.4), new("tlm", 1.0, 7.2, 6.5), *xlco]


@given(st.lists(st.floats(-5, 9), min_size=8, max_size=8))
def test_which_row_of_xlco_is_shown_does_not_depend_on_its_value(values):
    shuffled = [{**entry, "nats": nats} for entry, nats in zip(new_rows(), values, strict=False)]
    tightest = ledger.tightest(shuffled)["xlco"]
    assert (tightest["candidates"], tightest["method"]) == (1024, "infonce, temperature fitted")
    assert ledger.tightest(shuffled[::-1])["xlco"] == tightest


def test_what_the_ideal_critic_shows_is_a_line_of_its_own_where_it_is_not_the_truth():
    assert list(named(ledger.ledger(new_rows()), "attainable").x) == [pytest.approx(0.8 * math.log(1024))]
    curve = named(ledger.by_candidates(new_rows()), "attainable")
    assert list(curve.x) == [64, 1024]
    assert list(curve.y) == pytest.approx([0.8 * math.log(count) for count in curve.x])


def test_a_ledger_of_an_older_version_is_drawn_without_what_it_does_not_know():
    for figure in (
        ledger.ledger(rows()),
        ledger.ledger(rows(), per_sentence=True),
        ledger.by_candidates(rows()),
    ):
        assert not [
            trace
            for trace in figure.data
            if trace.name and ("ideal" in trace.name or "language" in trace.name)
        ]


def test_every_bar_names_its_unit():
    labels = list(named(ledger.ledger(new_rows()), "ceiling").y)
    assert [label.split("<br>")[1] for label in labels] == [
        "nats per sentence pair", "nats per masked token", "nats per masked token",
    ]  # fmt: skip


def test_per_sentence_every_number_of_a_bar_counts_as_often_as_a_sentence_asks():
    once, more = ledger.ledger(new_rows()), ledger.ledger(new_rows(), per_sentence=True)
    for part in ("ceiling", "bound", "truth", "language"):
        times = [2.0, 2.0] if part == "language" else [1.0, 2.0, 2.0]
        assert list(named(more, part).x) == pytest.approx(
            [x * each for x, each in zip(named(once, part).x, times, strict=True)]
        )
    assert all(label.endswith("<br>nats per sentence") for label in named(more, "bound").y)


def test_the_part_of_the_language_ends_with_the_bar_that_holds_it():
    assert list(named(ledger.ledger(new_rows()), "language").x) == [1.0, 1.5]
