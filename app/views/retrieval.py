"""Retrieval: whose translation is found, from which language in which, and what is mistaken for what."""

import streamlit as st

from app.comparing import compare
from app.links import linked_choice
from app.runs import readable_runs, run_or_stop, stop_with
from app.sentences import cell, marked, number, sentence_table
from app.words import share
from core.errors import InputError
from lab.figures.languages import language_style
from lab.figures.matrix import accuracy_matrix

SHOWN = 50

st.title("Retrieval", anchor=False)
run = run_or_stop("a matrix of language pairs")
try:
    scores = run.scores()
    errors = run.errors()
except InputError as error:
    stop_with(error)
scores = scores[scores["task"] == "retrieval"]
if scores.empty:
    st.info(
        f"{run.name} is not evaluated yet. A run is when it finishes, or now with: `lab evaluate {run.name}`"
    )
    st.stop()

mean = scores[scores["metric"] == "mean_accuracy"].iloc[0]
pairs = scores[scores["metric"] == "accuracy"].reset_index(drop=True)
told, matrix = st.columns([2, 3], gap="large")
with told:
    st.metric("mean top-1 accuracy, 95 % interval", share(mean["value"], mean["low"], mean["high"]))
    st.markdown(
        f"over {len(pairs)} directed pairs of languages and {int(mean['n']):,} held-out meanings, "
        f"layer {mean['layer']}. Guessing finds {share(1 / mean['n'])}."
    )
    best, worst = pairs.loc[pairs["value"].idxmax()], pairs.loc[pairs["value"].idxmin()]
    for name, row in (("best", best), ("worst", worst)):
        pair = f"{language_style(row['source']).name} → {language_style(row['target']).name}"
        st.markdown(f"{name}: **{pair}**, {share(row['value'], row['low'], row['high'])}")
    with st.expander("Every pair with its interval", icon=":material/table_rows:"):
        st.dataframe(
            pairs[["source", "target", "value", "low", "high", "n"]].sort_values("value"),
            hide_index=True, height=300,
            column_config={name: st.column_config.NumberColumn(format="percent") for name in ("value", "low", "high")},
        )  # fmt: skip
        st.caption(
            "Share of n queries whose translation comes first, with its 95 % bootstrap interval; worst first."
        )
with matrix:
    st.plotly_chart(accuracy_matrix(pairs), key="matrix", config={"displayModeBar": False})
    st.caption(
        "Row: language of the query; column: language that is searched. A cell is the share of queries whose nearest "
        "sentence is their translation; its interval shows on hover."
    )

st.subheader("What was mistaken for what", anchor=False)
options = [f"{row.source} → {row.target}" for row in pairs.itertuples()]
pair = linked_choice("Pair", options, "pair", None, placeholder="all pairs")
if pair:
    source, target = pair.split(" → ")
    errors = errors[(errors["source"] == source) & (errors["target"] == target)]
if errors.empty:
    st.success("No wrong match here.", icon=":material/check:")
else:
    errors = errors.sort_values("margin", ascending=False).head(SHOWN)
    with st.container(height=520, border=False):
        sentence_table(
            ["query", "", "in", "found", "instead of", "margin"],
            [
                (marked(r.source), cell(r.query, r.source), marked(r.target), cell(r.found, r.target),
                 cell(r.expected, r.target), number(f"{r.margin:.3f}"))
                for r in errors.itertuples()
            ],
        )  # fmt: skip
    st.caption(
        f"The surest mistakes first, at most {SHOWN}. Margin: by how much cosine the wrong sentence lies "
        "nearer than the translation, 0 to 2."
    )

others = [other for other in readable_runs()[0] if other.name != run.name]
if others:
    st.subheader("Against another run", anchor=False)
    compare(run.name, scores, others)
