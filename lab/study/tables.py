"""The table of a study for people: arms by metrics, as text, Markdown and LaTeX."""

import html
import math
from collections.abc import Mapping, Sequence
from csv import QUOTE_NONNUMERIC
from typing import Any, Final

import pandas as pd
from pandas.api.types import is_numeric_dtype

from lab.figures.sentences import spreadsheet_cell, visible_line
from lab.study.metrics import Metric, metric

READ: Final = (
    "Mean over {seeds} seeds [95 % interval]; a lower bound holds in expectation: at least the lower end is there, "
    "with 97.5 % confidence. Stars: differs from {reference}, paired by sentence and seed, p "
    "corrected over the arms (Holm): * < 0.05, ** < 0.01 (from three seeds on), *** < 0.001 (from four)."
)
DIGITS: Final = {"share": 3, "nats": 2, "s": 1, "tokens": 0}
LATEX: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "−": r"$-$", "≥": r"$\ge$", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}",
}  # fmt: skip
MARKDOWN: Final = r"\`*_[]|~#$"


def cell(row: Mapping[str, Any] | None) -> str:
    """A value with its interval and, where it differs from the reference, its stars.

    >>> cell({"metric": "mmlm", "value": 2.5, "low": 2.41, "high": 2.6, "stars": "**"})
    '2.50 [2.41, 2.60] **'
    """
    if row is None:
        return ""
    shown = metric(row["metric"])
    value = _interval(row["value"], row["low"], row["high"], DIGITS[shown.unit])
    return value if shown.cost else f"{value} {row['stars']}".rstrip()


def line(row: Mapping[str, Any]) -> tuple[str, ...]:
    """An arm: value, difference from the reference, corrected p-value and effect size; costs are not tested.

    >>> line({"arm": "tlm", "metric": "retrieval", "value": 0.5, "low": 0.4, "high": 0.6, "difference": 0.1,
    ...       "difference_low": 0.05, "difference_high": 0.15, "p_words": "< 0.01", "effect_size": 0.31})
    ('tlm', '0.500 [0.400, 0.600]', '+0.100 [+0.050, +0.150]', '< 0.01', '0.31')
    """
    digits = DIGITS[metric(row["metric"]).unit]
    value = _interval(row["value"], row["low"], row["high"], digits)
    if _unknown(row["difference"]):
        return row["arm"], value, "", "", ""
    ends = (row["difference"], row["difference_low"], row["difference_high"])
    if metric(row["metric"]).cost:
        return row["arm"], value, _interval(*ends, digits, "+"), "", ""
    effect = "" if _unknown(row["effect_size"]) else f"{row['effect_size']:.2f}"
    return row["arm"], value, _interval(*ends, digits, "+"), row["p_words"], effect


def heading(rows: Sequence[Mapping[str, Any]]) -> str:
    """What a metric is, what guessing finds, and the limits of a bound; of arms that differ the extremes.

    What is attainable is said where it is not the truth.
    """
    shown = metric(rows[0]["metric"])
    words = f"{shown.label}, {shown.unit}{_bound(shown)}{_guessing(rows)}"
    for name in ("ceiling", "attainable", "truth"):
        known = [row for row in rows if not _unknown(row.get(name))]
        if name == "attainable" and all(row["attainable"] == row["truth"] for row in known):
            continue
        values = {round(row[name], 2) for row in known}
        if values:
            words += f"; {name} {' – '.join(f'{value:.2f}' for value in sorted({min(values), max(values)}))}"
    return words


def _bound(shown: Metric) -> str:
    return ", lower bound" if shown.bound else ""


def _guessing(rows: Sequence[Mapping[str, Any]]) -> str:
    """What guessing finds, of arms that differ the extremes; nothing where it is not known.

    >>> _guessing([{"chance": 0.002}, {"chance": 0.002}]), _guessing([{"chance": math.nan}])
    ('; guessing 0.002', '')
    """
    values = {f"{row['chance']:.2g}": row["chance"] for row in rows if not _unknown(row["chance"])}
    words = sorted(values, key=values.__getitem__)
    return f"; guessing {' – '.join(sorted({words[0], words[-1]}))}" if words else ""


def _interval(value: float, low: float | None, high: float | None, digits: int, sign: str = "") -> str:
    form = f"{sign},.{digits}f"
    number = f"{value:{form}}"
    return number if _unknown(low) else f"{number} [{low:{form}}, {high:{form}}]"


def _unknown(value: float | None) -> bool:
    return value is None or math.isnan(value)


def wide(table: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Arms by metrics, each cell as `cell` writes it."""
    row_of = {(row["label"], row["metric"]): row for row in table.to_dict("records")}
    labels = list(dict.fromkeys(table["label"]))
    rows = {key: table[table["metric"] == key].to_dict("records") for key in metrics}
    heads = {
        f"{metric(key).label} ({metric(key).unit}{_bound(metric(key))}{_guessing(rows[key])})": key
        for key in metrics
    }
    columns = {head: [cell(row_of.get((label, key))) for label in labels] for head, key in heads.items()}
    return pd.DataFrame({"arm": labels, **columns})


def markdown(cells: pd.DataFrame, caption: str) -> str:
    """A table of text cells in Markdown."""
    head, *rows = [list(cells.columns), *cells.to_numpy().tolist()]
    # labels come with a study, numbers and heads are ours
    rows = [head, ["---"] * len(head), *([_marked_down(str(label)), *numbers] for label, *numbers in rows)]
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return "\n".join([*lines, "", _marked_down(caption), ""])


def csv(table: pd.DataFrame) -> str:
    """A table as CSV, in which no text is a formula for a spreadsheet."""
    texts = {
        name: table[name].map(_cell_of_text) for name in table.columns if not is_numeric_dtype(table[name])
    }
    # in quotes: a carriage return in a bare text would begin a row
    return table.assign(**texts).to_csv(index=False, quoting=QUOTE_NONNUMERIC)


def _cell_of_text(value: Any) -> Any:
    return spreadsheet_cell(value) if isinstance(value, str) else value


def _marked_down(text: str) -> str:
    escaped = "".join(f"\\{mark}" if mark in MARKDOWN else mark for mark in visible_line(text))
    return html.escape(escaped, quote=False)


def latex(cells: pd.DataFrame, caption: str) -> str:
    """A table of text cells in LaTeX, with the rules of booktabs."""
    head, *rows = [list(cells.columns), *cells.to_numpy().tolist()]
    table_lines = [" & ".join(_escaped(str(value)) for value in row) + r" \\" for row in (head, *rows)]
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        rf"\caption{{{_escaped(caption)}}}",
        rf"\begin{{tabular}}{{l{'c' * (len(head) - 1)}}}",
        r"\toprule",
        table_lines[0],
        r"\midrule",
        *table_lines[1:],
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
        "",
    ]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    escaped = "".join(LATEX.get(character, character) for character in visible_line(text))
    # a bracket or star at the beginning of a row would belong to the line break before it
    return f"{{}}{escaped}" if escaped[:1] in ("[", "*") else escaped
