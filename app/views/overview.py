"""Overview: two views of one meaning, the pretext tasks as lower bounds, what has run."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from app.charts import chart
from app.runs import LIVE, badge, last_values, readable_runs, steps_of, tell
from app.sentences import cell, marked, sentence_table
from app.words import guessing, nats, percent
from core.errors import InputError
from lab.evaluate.means import MeanAccuracy
from lab.evaluate.scores import read_mean
from lab.figures.curves import smoothed
from lab.figures.idea import before_and_after, bound_bars
from lab.figures.sentences import label_text, markdown_text
from lab.figures.tasks import STYLES, recorded
from lab.world import World

# formulas of a row of cards are whole on a page 1,440 pixels wide
CARDS = 3
LANGUAGES = ("en", "fr", "ar", "hi", "zh")
TAGS_SHOWN = 20


@st.cache_data
def example() -> list[tuple[str, str]]:
    world = World.load(LANGUAGES)
    return [(tag, text) for _, tag, text in world.rows(world.draw(1, 7), 7)]


def retrieval_in_words(mean: MeanAccuracy | None) -> str:
    """The mean of a run beside what guessing finds."""
    if mean is None:
        return "not evaluated yet"
    # the interval stays on the line of its number
    value = percent(mean.value, mean.low, mean.high).replace(" ", "\u00a0")
    return f"{value}; {guessing(mean.chance, mean.pools_in_words)}"


def languages_in_words(languages: Sequence[str]) -> str:
    """Tags of a run's languages; where there are very many, some and the number of the others."""
    more = len(languages) - TAGS_SHOWN
    return " ".join(languages[:TAGS_SHOWN]) + (f" and {more} more" if more > 0 else "")


st.title("Two views of one meaning", anchor=False)
st.markdown(
    "A sentence and its translation look nothing alike, yet each tells almost everything about the other. "
    "Parallax trains an encoder to find that shared information, shows how much of it was found, in nats, "
    "and lets you watch the languages fold onto each other."
)
left, right = st.columns([2, 3], gap="large", vertical_alignment="center")
with left:
    sentence_table(["language", "one meaning"], [(marked(tag), cell(text, tag)) for tag, text in example()])
with right:
    chart(
        before_and_after(LANGUAGES),
        "idea",
        "Drawing: sentences of several languages apart, and joined by meaning",
        "A drawing: each mark is a sentence, lines join translations. "
        "Training turns the left picture into the right one.",
        config={"staticPlot": True},
    )

st.subheader("Pretext tasks are lower bounds", anchor=False)
styles = list(STYLES.values())
for begin in range(0, len(styles), CARDS):
    columns = st.columns(CARDS, gap="medium")
    for column, task in zip(columns, styles[begin : begin + CARDS], strict=False):
        card = column.container(border=True, height="stretch")
        card.markdown(f"**{task.name}** · {task.idea}")
        card.latex(task.formula)
        card.caption(task.limit)

runs, problems = readable_runs()
st.subheader("What has run", anchor=False)
tell(problems)
if not runs:
    st.info(
        "Nothing yet. The toy run takes about a minute on a laptop and needs no download.",
        icon=":material/rocket_launch:",
    )
    st.page_link(LIVE, label="Start it on the Live page", icon=":material/play_circle:")
    st.stop()

table, bars = st.columns([3, 2], gap="large")
with table:
    for run in runs[:10]:
        info, status = run.info, run.status
        link, state = st.columns([5, 1], vertical_alignment="center")
        link.page_link(LIVE, label=run.name, icon=":material/monitoring:", query_params={"run": run.name})
        state.markdown(badge(status.state))
        try:
            words = retrieval_in_words(read_mean(run.scores()))
        except InputError as error:
            words = markdown_text(str(error))
        st.markdown(f"{markdown_text(languages_in_words(info.languages))} · {words}")
    st.caption(
        "Mean top-1 retrieval over directed pairs of held-out sentences with its 95 % interval, and what guessing "
        "finds in pools of so many. A name opens the run."
    )
with bars:
    steps = steps_of(runs[0])
    last = last_values(steps)
    shown = recorded(last.index)
    rows = [
        {**smoothed(steps, f"bounds.{task.key}").iloc[-1], "name": label_text(task.name), "colour": task.colour,
         "ceiling": last[f"ceilings.{task.key}"]} for task in shown
    ]  # fmt: skip
    if rows:
        st.markdown(f"**{runs[0].name}**: training bounds so far")
        chart(bound_bars(pd.DataFrame(rows)), "ledger", "Bounds beside ceiling and truth, by task")
        bounds = ", ".join(
            f"{markdown_text(task.name)} {nats(row['value'], row['low'], row['high'])}"
            for task, row in zip(shown, rows, strict=True)
        )
        st.caption(
            f"Coloured: what the losses on training text amount to; grey: what cannot be exceeded. "
            f"{bounds} (95 % interval over recent batches). What unseen text shows is on the page Information."
        )
