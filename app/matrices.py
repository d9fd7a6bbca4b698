"""Retrieval between all pairs of languages on a page, however many languages there are."""

import pandas as pd
import streamlit as st

from app.charts import chart
from app.links import linked_choices
from lab.evaluate.scores import MEAN_FROM, MEAN_TO
from lab.figures.by_language import extremes, language_lines
from lab.figures.languages import language_style
from lab.figures.matrix import MATRIX_LANGUAGES, accuracy_matrix, among, most_measured

FIRST_SHOWN = 20
EXTREMES = 15
COLUMNS = {"value": "accuracy", "low": "low", "high": "high", "chance": "chance"}
READ = (
    "Row: language of the query; column: language that is searched. A cell is the share of queries whose nearest "
    "sentence is their translation; its interval, its pool and what guessing finds show on hover."
)


def show_matrix(pairs: pd.DataFrame, means: pd.DataFrame) -> None:
    """Shows the matrix of all languages; for very many, a line per language and the matrix of selected languages.

    Args:
        pairs: directions, as `lab.evaluate.scores.read_directions` returns them.
        means: means of languages, as `lab.evaluate.scores.read_languages` returns them.
    """
    tags = sorted({*pairs["source"], *pairs["target"]})
    if len(tags) <= MATRIX_LANGUAGES:
        chart(
            accuracy_matrix(pairs),
            "matrix",
            "Matrix of retrieval accuracy by language of the query and of the sentences searched",
            READ,
        )
        return
    chart(
        language_lines(extremes(means, EXTREMES)),
        "languages",
        "Retrieval accuracy of languages with intervals",
        f"The {EXTREMES} lowest and the {EXTREMES} highest of {len(tags):,} languages: their means as the language of "
        "the query and as the one that is searched, with 95 % intervals; grey ticks: what guessing finds.",
    )
    with st.expander("Every language with its means", icon=":material/table_rows:"):
        table = by_language(means)
        percent = st.column_config.NumberColumn(format="percent")
        st.dataframe(table, height=300, column_config=dict.fromkeys(table.columns, percent))
    languages = linked_choices(
        "Languages in the matrix", tags, "languages", most_measured(pairs, FIRST_SHOWN),
        format_func=lambda tag: language_style(tag).name, max_selections=MATRIX_LANGUAGES,
    )  # fmt: skip
    shown = among(pairs, languages)
    if shown.empty:
        st.info("No direction between these languages was measured: choose others.")
        return
    chart(
        accuracy_matrix(shown),
        "matrix",
        "Matrix of retrieval accuracy by language of the query and of the sentences searched",
        f"{READ} An empty cell was not measured.",
    )


def by_language(means: pd.DataFrame) -> pd.DataFrame:
    """A row per language with accuracy, interval and chance as query and as searched language; the lowest first."""
    sides = [
        means[means["metric"] == metric]
        .set_index("language")[list(COLUMNS)]
        .rename(columns=lambda column, name=name: f"{name}: {COLUMNS[column]}")
        for metric, name in ((MEAN_FROM, "asking"), (MEAN_TO, "searched"))
    ]
    table = pd.concat(sides, axis=1)
    return table.loc[table[["asking: accuracy", "searched: accuracy"]].mean(axis=1).sort_values().index]
