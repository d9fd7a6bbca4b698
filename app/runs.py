"""Chooses the run that a page shows, and says what to do where there is no run or a run cannot be read."""

from pathlib import Path
from typing import NoReturn

import pandas as pd
import streamlit as st

from app.links import linked_choice
from core.errors import InputError
from lab import store
from lab.figures.sentences import markdown_text
from lab.projection import Frame, layered
from lab.store import Run

LIVE = Path(__file__).parent / "views" / "live.py"
BADGES = {
    "queued": "gray", "running": "green", "paused": "orange", "finished": "blue",
    "stopped": "gray", "failed": "red", "lost": "red",
}  # fmt: skip


def readable_runs() -> tuple[list[Run], list[str]]:
    """Readable runs, newest first, and a line for each unreadable run."""
    runs: list[Run] = []
    problems: list[str] = []
    for run in store.list_runs():
        try:
            _ = run.info
            runs.append(run)
        except InputError as error:
            problems.append(str(error))
    return runs, problems


def tell(problems: list[str]) -> None:
    """Shows the runs that are left out, each in a line with its remedy."""
    if problems:
        st.warning(
            "Left out:\n\n" + "\n".join(f"- {markdown_text(line)}" for line in problems[:5]),
            icon=":material/folder_off:",
        )


def choose_run(runs: list[Run]) -> Run:
    """The run named in the URL, or the newest run."""
    names = [run.name for run in runs]
    return runs[names.index(linked_choice("Run", names, "run", names[0]) or names[0])]


def run_or_stop(what: str) -> Run:
    """The selected run; where there is no run the page says how to start one, and stops."""
    runs, problems = readable_runs()
    tell(problems)
    if not runs:
        st.info(
            f"No run yet. A toy run takes about a minute and fills this page with {what}.",
            icon=":material/rocket_launch:",
        )
        st.page_link(LIVE, label="Start one on the Live page", icon=":material/play_circle:")
        st.stop()
    return choose_run(runs)


def stop_with(error: InputError) -> NoReturn:
    """Ends the page with the line of the error; other runs stay selectable above."""
    st.error(markdown_text(str(error)), icon=":material/error:")
    st.stop()


def badge(state: str) -> str:
    """The state of a run as a coloured word."""
    return f":{BADGES[state]}-badge[{state}]"


@st.cache_data(max_entries=16, show_spinner=False)
def _frames(folder: str, files: tuple, _run: Run, layer: int, anchor: int, dimensions: int) -> list[Frame]:
    return layered({step: _run.snapshot(step) for step in _run.snapshots()}, layer, anchor, dimensions)


def principal_maps(run: Run, layer: int, anchor: int, dimensions: int) -> list[Frame]:
    """PCA frames of all snapshots, computed once for the present files."""
    return _frames(str(run.folder), run.snapshot_times(), run, layer, anchor, dimensions)


def sentences_of(run: Run, frame: Frame) -> pd.DataFrame:
    """The sentences of a map, row by row.

    Raises:
        InputError: the run holds other sentences than vectors.
    """
    sentences = run.sentences()
    if len(sentences) != len(frame.points):
        raise InputError(
            f"run {run.name} holds {len(sentences)} sentences for {len(frame.points)} vectors: its folder vectors is "
            "damaged, train the run again"
        )
    return sentences


@st.cache_resource(max_entries=64, show_spinner=False)
def _log(folder: str) -> store.StepLog:
    return store.StepLog(Path(folder) / "steps.jsonl")


def steps_of(run: Run) -> pd.DataFrame:
    """The step records; only records added since the last call are read."""
    return _log(str(run.folder)).read()


def last_values(steps: pd.DataFrame) -> pd.Series:
    """The newest known value of every column."""
    return steps.ffill().iloc[-1] if len(steps) else pd.Series(dtype=float)
