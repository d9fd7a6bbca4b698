"""Runs `lab` commands for a page in processes, once for everybody who looks at the page."""

import subprocess
from collections.abc import Callable, Sequence

import streamlit as st

from lab import jobs, store

REFRESH_SECONDS = 2.0
JobProgress = Callable[[], tuple[float, str]]
"""Returns the share done, 0 to 1, and a description of the work."""


@st.cache_resource
def _processes() -> dict[str, subprocess.Popen[bytes]]:
    """Processes that sessions of this dashboard have started, by the key of their result."""
    return {}


def compute_button(
    key: str, words: Sequence[str], label: str, progress: JobProgress, primary: bool = False
) -> None:
    """Shows a button that starts a `lab` command, or the progress of the command.

    Args:
        key: of the result, fit for a file name.
        words: of the command, without `lab`.
        label: of the button.
        progress: called every other second while the command runs; a share of 0 shows no bar.
        primary: whether the button is the main action of the page.
    """
    log = store.cache_folder() / f"{key}.log"
    process = _processes().get(key)
    if process is not None and process.poll() is None:
        st.fragment(_wait, run_every=REFRESH_SECONDS)(process, progress)
        return
    if process is not None and process.poll():
        st.error(f"lab {words[0]} ended with code {process.poll()}.", icon=":material/error:")
        st.code(store.tail(log), language=None)
    kind = "primary" if primary else "secondary"
    if st.button(label, key=f"compute-{key}", type=kind, icon=":material/calculate:"):
        log.unlink(missing_ok=True)
        # another session may have pressed it meanwhile
        if process is _processes().get(key):
            _processes()[key] = jobs.detached(words, log)
        st.rerun()


def _wait(process: subprocess.Popen[bytes], progress: JobProgress) -> None:
    if process.poll() is not None:
        st.rerun()
    done, what = progress()
    words = f"{what}, in a process of its own: you may leave this page and come back"
    if done:
        st.progress(done, text=words)
    else:
        st.info(words, icon=":material/hourglass_top:")
