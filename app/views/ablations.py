"""Ablations: what a study found, arm by arm, and how sure it is."""

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.charts import chart
from app.links import linked_choice
from app.sentences import data_table
from lab.figures.ablations import arms, differences, layers, learning_curves
from lab.figures.metrics import LAYERS
from lab.figures.sentences import markdown_text
from lab.store.study import StudyFolder, StudyInfo, list_studies
from lab.study import STUDIES, against
from lab.study.baseline_table import baseline_table, baselines_in_words
from lab.study.contrasts import in_words, primary
from lab.study.metrics import without_costs
from lab.study.tables import READ, csv, latex, markdown, wide

STORED = "stored"
# side by side, as many as fit on a telephone
PANELS = 3
LAYER_WORDS = {
    "retrieval": "Held-out retrieval",
    "roles": "How often a sentence is nearer to its translation than to that of the fact with the two people "
    "exchanged, which shares its words,",
}


@st.cache_data(max_entries=16, show_spinner="Comparing the arms …")
def tables(
    folder: str, written: str, reference: str, _study: StudyFolder
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The table against a reference arm, the learning curves, and the baselines without a network.

    `written`, the time of the study, is part of the cache key.
    """
    default = reference == _study.info.reference
    table = _study.table() if default else against(_study, reference)
    return table, _study.curves(), baseline_table(_study.baselines())


@st.cache_data(max_entries=16, show_spinner="Comparing the arms …")
def comparisons(folder: str, written: str, _study: StudyFolder) -> pd.DataFrame:
    """The primary comparisons of a study, computed once for all sessions."""
    return primary(_study)


@st.cache_resource(max_entries=16, show_spinner="Drawing …")
def figures(
    folder: str,
    written: str,
    reference: str,
    _table: pd.DataFrame,
    _metrics: list[str],
    _baselines: pd.DataFrame,
) -> tuple[list[go.Figure], list[go.Figure], dict[str, go.Figure]]:
    """Figures of arms and of differences, some metrics each, and of layers by metric; shared by all sessions."""
    by_layer = {
        metric: layers(_table, metric)
        for metric, prefix in LAYERS.items()
        if _table["metric"].str.startswith(prefix).any()
    }
    rows = [_metrics[begin : begin + PANELS] for begin in range(0, len(_metrics), PANELS)]
    values, deltas = (
        [arms(_table, row, _baselines) for row in rows],
        [differences(_table, row) for row in rows],
    )
    return values, deltas, by_layer


def choose_study() -> StudyFolder:
    """The study named in the URL, or the newest study; where there is none the page says how to run one, and stops."""
    studies = {
        f"{STORED} {folder.name}" if folder.stored else folder.name: folder for folder in list_studies()
    }
    if not studies:
        st.info(
            "No study yet. `lab study tasks --scale smoke` makes one in some minutes, to see how it looks; "
            "`lab study tasks` trains the toy with every combination of tasks, three times each.",
            icon=":material/science:",
        )
        listed = "\n".join(f"- `lab study {study.name}`: {study.question}" for study in STUDIES.values())
        st.markdown(f"Others are:\n\n{listed}")
        st.stop()
    names = list(studies)
    name = linked_choice(
        "Study", names, "study", names[0],
        format_func=lambda name: f"{studies[name].name}{', as it came with the lab' if studies[name].stored else ''}",
    )  # fmt: skip
    return studies[name or names[0]]


def show_study(info: StudyInfo) -> None:
    """Shows the question of a study, and the settings and versions behind its numbers."""
    st.subheader(markdown_text(info.question), anchor=False)
    st.caption(
        markdown_text(
            f"{len(info.arms)} arms, {len(info.seeds)} seeds each, scale {info.scale}, "
            f"{'the built-in world' if info.corpus == 'world' else info.corpus}; "
            f"{info.created:%d %B %Y}, {info.device}, torch {info.versions.get('torch', 'not known')}"
            f"{f', commit {info.commit[:10]}' if info.commit else ''}."
        )
    )
    if info.scale == "smoke":
        st.info("The smoke scale trains for seconds: it shows that a study works, not what is true.")
    if info.missing:
        st.warning(
            markdown_text(
                f"Not finished: {', '.join(info.missing)}. Run lab study {info.study} again to complete it."
            )
        )


def show_downloads(name: str, table: pd.DataFrame, cells: pd.DataFrame, caption: str) -> None:
    """Shows buttons that download the table."""
    with st.container(horizontal=True):
        for label, ending, content in (
            ("CSV, all numbers", "csv", csv(table)),
            ("Markdown", "md", markdown(cells, caption)),
            ("LaTeX", "tex", latex(cells, caption)),
        ):
            st.download_button(
                label, content, file_name=f"{name}.{ending}", key=f"save-{ending}", icon=":material/download:"
            )


st.title("Ablations", anchor=False)
st.markdown(
    "Switch one thing, train again, compare on the same held-out sentences: what is a pretext task, a layer, a queue "
    "worth? Every arm is trained with several seeds, because one run alone may have been lucky."
)
study = choose_study()
info = study.info
show_study(info)
labels = {arm.name: arm.label for arm in info.arms}
reference = linked_choice(
    "Compared with", list(labels), "reference", info.reference, format_func=labels.__getitem__
)
reference = reference or info.reference
version = str(study.folder), info.created.isoformat()
table, curves, baselines = tables(*version, reference, study)

st.subheader("What the study was run for", anchor=False)
st.markdown(
    "\n".join(
        f"- **{row['verdict']}** · {markdown_text(in_words(row))}"
        for row in comparisons(*version, study).to_dict("records")
    )
)
st.caption(
    "Named before the study ran; p-values are corrected over these comparisons together (Holm). Equivalent: the "
    "difference is smaller than the margin (two one-sided tests at 5 %). Not told apart is no tie: the brackets say "
    "what so few seeds could have shown with a power of 80 %. All that follows is exploratory."
)

shown = [key for key in info.metrics if key in set(table["metric"])]
of_arms, of_differences, of_layers = figures(*version, reference, table, without_costs(shown), baselines)
for number, figure in enumerate(of_arms):
    chart(figure, f"arms-{number}", "Value of each arm with its interval")
st.caption(
    "Mean over seeds with its 95 % interval, which covers other sentences and other seeds. Filled: differs from "
    f"{markdown_text(labels[reference])} (square) at 5 % after correction for the number of arms; stars at 5, 1 and "
    "0.1 %, as far as so many seeds can tell. "
    "Grey, short blue and red ticks: ceiling of a bound, what the ideal critic shows where that is not the truth, and "
    "the truth; of an accuracy, grey: what guessing finds."
    + (" Thin violet lines: what needs no network on the same text." if len(baselines) else "")
)
for sentence in baselines_in_words(baselines, table):
    st.markdown(markdown_text(sentence))
st.subheader(f"Difference from {markdown_text(labels[reference])}", anchor=False)
for number, figure in enumerate(of_differences):
    chart(figure, f"differences-{number}", "Difference of each arm from the reference, with its interval")
st.caption(
    "Paired: both arms read the same sentences, seed by seed, so what is hard for both cancels. "
    "An interval that crosses the line leaves the sign open."
)
cells = wide(table, shown)
data_table(cells)
caption = f"{info.question} {READ.format(seeds=len(info.seeds), reference=labels[reference])}"
st.caption(markdown_text(READ.format(seeds=len(info.seeds), reference=labels[reference])))
show_downloads(study.name, table, cells, caption)

st.subheader("Where meaning lives", anchor=False)
for metric, figure in of_layers.items():
    chart(
        figure,
        f"layers-{metric}",
        "Accuracy by hidden state, for each arm",
        f"{LAYER_WORDS[metric]} when each hidden state is read, 0 = embeddings, with 95 % intervals; dotted: what "
        "guessing finds.",
    )

st.subheader("Learning curves", anchor=False)
titles = dict(zip(curves["metric"], curves["title"], strict=True))
metric = linked_choice("Curve", list(titles), "curve", next(iter(titles)), format_func=titles.__getitem__)
chart(
    learning_curves(curves, metric or next(iter(titles))),
    "curves",
    "Learning curves of each arm",
    "Mean over seeds; the band runs from the lowest to the highest seed. Retrieval reads held-out sentences, bounds "
    "and losses are those of training batches.",
)
