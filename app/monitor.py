"""A run while it trains: redrawn on its own, so that the rest of the page stands still."""

import math
from collections.abc import Mapping

import pandas as pd
import streamlit as st

from app.charts import MAP, chart
from app.runs import badge, last_values, principal_maps, sentences_of, steps_of, stop_with
from app.visitor import is_theirs, visitor
from app.words import duration, guessing, nats, percent
from core.errors import InputError
from lab import jobs
from lab.figures import curves, maps
from lab.figures.sentences import markdown_text
from lab.figures.tasks import recorded
from lab.projection import evaluation_layer, half_width
from lab.store import ENDED, Request, Run, Status

REFRESH_SECONDS = 2.0


def watch(run: Run) -> None:
    """Draws the run, and goes on drawing while it is under way."""
    ended = run.status.state in ENDED
    st.fragment(_monitor, run_every=None if ended else REFRESH_SECONDS)(run, ended)


def _monitor(run: Run, ended: bool) -> None:
    status = run.status
    if (status.state in ENDED) != ended:
        st.rerun()
    steps = steps_of(run)
    _progress(run, status, steps)
    if not run.snapshots():
        return
    try:
        _map_and_retrieval(run, steps)
    except InputError as error:
        stop_with(error)
    _bounds_and_losses(steps)


def _progress(run: Run, status: Status, steps: pd.DataFrame) -> None:
    """State, progress and the buttons that fit the state."""
    bar, buttons = st.columns(
        [1, 0.001] if status.state == "finished" else [5, 2], vertical_alignment="center"
    )
    done = status.step / max(1, status.steps)
    text = f"{badge(status.state)} step {status.step:,} of {status.steps:,}"
    timed = steps.dropna(subset=["seconds"]) if "seconds" in steps else steps.iloc[:0]
    if len(timed):
        recent = timed.tail(50)
        elapsed = float(timed["elapsed"].iloc[-1])
        speed = recent["tokens"].sum() / recent["seconds"].sum()
        text += f" · {duration(elapsed)} · {speed:,.0f} tokens/s"
        if status.state == "running" and status.step:
            text += f" · about {duration((status.steps - status.step) * elapsed / status.step)} left"
    elif status.state in ("queued", "running"):
        text += " · reading text and making the tokenizer, a few seconds"
    bar.progress(min(1.0, done), text=text)
    with buttons.container(horizontal=True, horizontal_alignment="right"):
        _buttons(run, status)
    if status.state in ("failed", "lost"):
        st.error(markdown_text(status.message) or f"The run is {status.state}.", icon=":material/error:")
        if tail := run.log_tail():
            st.code(tail, language=None, height=200)


def _buttons(run: Run, status: Status) -> None:
    if status.state == "running":
        _asking(run, "Pause", ":material/pause:", "pause")
    if status.state == "paused":
        st.button(
            "Continue",
            icon=":material/play_arrow:",
            type="primary",
            on_click=run.send_request,
            args=("continue",),
        )
    if status.state in ("running", "paused"):
        _asking(run, "Stop", ":material/stop:", "stop")
    resumable = status.state in ("stopped", "failed", "lost") and status.step < status.steps
    if resumable and st.button("Resume", icon=":material/resume:", type="primary"):
        try:
            with st.spinner("Starting …"):
                jobs.resume(run.name, visitor())
        except InputError as error:
            st.error(markdown_text(str(error)), icon=":material/error:")
        else:
            st.rerun()


def _asking(run: Run, label: str, icon: str, request: Request) -> None:
    """A button that asks the run's process; where somebody else started the run, it says who and asks once more."""
    if is_theirs(run):
        st.button(label, icon=icon, on_click=run.send_request, args=(request,))
        return
    who = markdown_text(run.info.starter.words(visitor().session))
    with st.popover(label, icon=icon):
        st.markdown(f"**{run.name}** was started by {who}, not in this browser.")
        st.button(
            f"{label} it all the same",
            key=f"{request}-{run.name}",
            on_click=run.send_request,
            args=(request,),
        )


def _map_and_retrieval(run: Run, steps: pd.DataFrame) -> None:
    newest = run.snapshots()[-1]
    layer = evaluation_layer(run, {newest: run.snapshot(newest)})
    frames = principal_maps(run, layer, layer, 2)
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader(f"The map at step {frames[-1].step:,}", anchor=False)
        figure = maps.sentence_map(
            frames[-1].points, sentences_of(run, frames[-1]), half_width(frames), height=520
        )
        chart(
            figure,
            "live-map",
            "Map of sentences, those of one meaning joined",
            f"Each mark is a held-out sentence, a grey star joins the translations of one meaning; "
            f"languages align when stars shrink to points. Principal components of layer {layer} "
            f"({percent(frames[-1].share or 0.0)} of the variance).",
            config=MAP,
        )
    with right:
        most = run.info.settings.measure.retrieval_meanings
        points = curves.retrieval_points(steps, most)
        st.subheader("Held-out retrieval", anchor=False)
        if not len(points):
            st.info("Not measured: no two languages share enough held-out meanings.", icon=":material/info:")
            return
        last = points.iloc[-1]
        st.metric("mean top-1 accuracy, 95 % interval", percent(last["value"], last["low"], last["high"]))
        chart(
            curves.retrieval_curve(points),
            "live-retrieval",
            "Retrieval accuracy by training step",
            "How often a sentence's nearest neighbour in another language is its translation, over "
            f"{_directions(last)} of languages and up to {most} meanings of each that the run never trains on"
            f"{_guessing(last)}. Higher is better; the band is the interval, the dotted line guessing.",
        )


def _directions(point: Mapping[str, float]) -> str:
    """Number of directions that a point of the curve is the mean of, where the run recorded it."""
    count = point.get("directions", math.nan)
    return "all directed pairs" if math.isnan(count) else f"{count:,.0f} directed pairs"


def _guessing(point: Mapping[str, float]) -> str:
    """Chance level at a point of the curve, where the run recorded it."""
    if math.isnan(point.get("chance", math.nan)):
        return ""
    pools = " to ".join(f"{size:,.0f}" for size in sorted({point["smallest_pool"], point["largest_pool"]}))
    return f"; {guessing(point['chance'], pools)}"


def _bounds_and_losses(steps: pd.DataFrame) -> None:
    last = last_values(steps)
    shown = recorded(last.index)
    if not shown:
        return
    st.subheader("Training bounds", anchor=False)
    for column, task in zip(st.columns(len(shown)), shown, strict=True):
        bound = curves.smoothed(steps, f"bounds.{task.key}").iloc[-1]
        ceiling = float(last[f"ceilings.{task.key}"])
        value = nats(bound["value"], bound["low"], bound["high"])
        column.metric(
            f"{markdown_text(task.name)}: {task.information}"
            if task.information
            else markdown_text(task.name),
            value if bound["value"] > 0 else "nothing yet",
        )
        below = "" if bound["value"] > 0 else f"the bound is {value}; it "
        column.caption(
            f"{below}cannot exceed {nats(ceiling)}{f' = {task.ceiling}' if task.ceiling else ''}; {task.unit}"
        )
    chart(
        curves.bounds(steps),
        "live-bounds",
        "Bound of each task by training step, below its ceiling",
        "Ceiling minus loss in nats, on training text (mean over the latest twentieth of the steps, with its 95 % "
        "interval); it climbs towards the dashed ceiling. Below zero it says nothing yet. What a task shows of "
        "text that it has not seen, and what is there in truth, is on the page Information.",
    )
    with st.expander("Losses", icon=":material/trending_down:"):
        chart(
            curves.losses(steps),
            "live-losses",
            "Loss of each task by training step",
            "Loss in nats on training batches, smoothed likewise. Lower is better: ceiling minus loss is the bound.",
        )
    if (figure := curves.shares(steps)) is not None:
        with st.expander("Share of the vocabulary"):
            chart(
                figure,
                "live-shares",
                "Share of the vocabulary that a softmax runs over, by training step",
                "Tokens that a softmax runs over, of all there are: the targets of a step with their nearest "
                "neighbours. It is what a step saves, and nearly all of a small vocabulary.",
            )
