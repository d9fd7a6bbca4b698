"""Retrieval: whose translation is found, from which language in which, and what is mistaken for what."""

import streamlit as st

from app.beside import show_baselines
from app.comparing import show_comparison
from app.links import linked_choice
from app.matrices import show_matrix
from app.runs import readable_runs, run_or_stop
from app.sentences import cell, data_table, marked, number, sentence_table
from app.words import guessing, percent
from core.errors import InputError
from lab.evaluate.scores import read_directions, read_languages, read_mean
from lab.figures.languages import language_style
from lab.figures.sentences import markdown_text

SHOWN = 50

st.title("Retrieval", anchor=False)
run = run_or_stop("a matrix of language pairs")
scores = run.scores()
errors = run.errors()
mean, pairs = read_mean(scores), read_directions(scores)
if mean is None:
    st.info(
        f"{run.name} has no retrieval yet. A run is evaluated when it finishes, or now with `lab evaluate {run.name}`, "
        "which also says why where its languages share too few held-out meanings."
    )
    st.stop()

summary, matrix = st.columns([2, 3], gap="large")
with summary:
    st.metric("mean top-1 accuracy, 95 % interval", percent(mean.value, mean.low, mean.high))
    st.markdown(
        f"over {mean.directions:,} directed pairs of languages and {mean.meanings:,} held-out meanings, "
        f"layer {pairs['layer'].iloc[0]}, by cosine; {guessing(mean.chance, mean.pools_in_words)}."
    )
    best, worst = pairs.loc[pairs["value"].idxmax()], pairs.loc[pairs["value"].idxmin()]
    for name, row in (("best", best), ("worst", worst)):
        pair = f"{language_style(row['source']).name} → {language_style(row['target']).name}"
        words = guessing(row["chance"], f"{row['pool']:,.0f}")
        st.markdown(f"{name}: **{pair}**, {percent(row['value'], row['low'], row['high'])}; {words}")
    try:
        show_baselines(run, mean)
    except InputError as error:
        st.error(markdown_text(str(error)), icon=":material/error:")
    with st.expander("Every pair with its interval", icon=":material/table_rows:"):
        data_table(
            pairs[["source", "target", "value", "low", "high", "chance", "pool", "n"]].sort_values("value"),
            height=300,
            column_config={
                name: st.column_config.NumberColumn(format="percent") for name in ("value", "low", "high", "chance")
            },
        )  # fmt: skip
        st.caption(
            "Share of n queries whose translation comes first among the sentences of the pool, with its 95 % interval "
            "(Clopper and Pearson), and what guessing finds; worst first."
        )
with matrix:
    show_matrix(pairs, read_languages(scores))

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

others = [candidate for candidate in readable_runs()[0] if candidate.name != run.name]
if others:
    st.subheader("Against another run", anchor=False)
    show_comparison(run.name, scores, others)
