"""UMAP maps, which a job computes before a page shows them."""

import subprocess

import streamlit as st

from lab import jobs, store
from lab.projection import Frame, umap_frames
from lab.store import Run

REFRESH_SECONDS = 2.0


def umap_or_wait(run: Run, layer: int, dimensions: int, step: int) -> list[Frame]:
    """The UMAP frames of a run, up to `step` at least; while that frame is missing a job runs and the page stops."""
    frames = umap_frames(run, layer, dimensions)
    if any(frame.step == step for frame in frames):
        return frames
    key = f"umap-{run.name.replace('/', '.')}-{layer}-{dimensions}"
    log = store.cache_folder() / f"{key}.log"
    code = _jobs()[key].poll() if key in _jobs() else 0
    if code == 0:
        log.unlink(missing_ok=True)
        words = ["project", run.name, "--layer", str(layer), "--dimensions", str(dimensions)]
        _jobs()[key] = jobs.detached(words, log)
    elif code is not None:
        st.error(f"The UMAP job ended with code {code}; PCA needs no job.", icon=":material/error:")
        st.code(store.tail(log), language=None)
        st.button("Try again", on_click=_jobs().pop, args=(key,))
        st.stop()
    _wait(run, layer, dimensions, step)
    st.stop()


@st.cache_resource
def _jobs() -> dict[str, subprocess.Popen[bytes]]:
    """Jobs of this process; a restarted dashboard starts jobs again, which find the frames that are done."""
    return {}


@st.fragment(run_every=REFRESH_SECONDS)
def _wait(run: Run, layer: int, dimensions: int, step: int) -> None:
    done = {frame.step for frame in umap_frames(run, layer, dimensions)}
    key = f"umap-{run.name.replace('/', '.')}-{layer}-{dimensions}"
    if step in done or _jobs()[key].poll() is not None:
        st.rerun()
    wanted = run.snapshots().index(step) + 1
    message = (
        f"UMAP in a process of its own: {len(done)} of {wanted} checkpoints; the first takes some ten seconds"
    )
    st.progress(min(1.0, len(done) / wanted), text=message)
