"""How many snapshots a run keeps."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from lab import store
from lab.store.thinning import SNAPSHOTS, thinned
from tests.lab.runs import tiny


def kept_of(steps, every=1, before=()):
    """What is left when snapshots are taken one after the other and thinned each time."""
    staying = list(before)
    for step in steps:
        staying = thinned([*staying, step], every)
    return staying


def test_up_to_the_limit_every_snapshot_stays():
    steps = list(range(0, 50 * SNAPSHOTS, 50))
    assert kept_of(steps, 50) == steps


@given(st.integers(1, 2_000), st.sampled_from([1, 10]))
def test_first_and_last_stay_and_the_others_are_evenly_spaced(count, every):
    last = count * every + every // 2
    steps = kept_of([*range(0, count * every, every), last], every)
    assert (steps[0], steps[-1]) == (0, last)
    assert min(count, SNAPSHOTS // 2) < len(steps) <= SNAPSHOTS + 1
    assert len(set(np.diff(steps[:-1]))) <= 1


@given(st.integers(1, 1_000), st.data())
def test_a_run_that_was_killed_and_resumed_keeps_what_it_would_have_kept(count, data):
    killed = data.draw(st.integers(0, count))
    checkpoint = data.draw(st.integers(0, killed))
    before = [step for step in kept_of(range(killed + 1)) if step <= checkpoint]
    # a snapshot that is the newest for a moment leaves nothing when the next snapshot comes
    whole = kept_of(range(count + 1))
    assert kept_of(range(checkpoint + 1, count + 1), before=before) == whole or checkpoint == count


def test_what_was_computed_from_a_snapshot_goes_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    run = store.create_run("r", store.describe("r", tiny(), "world", "0" * 64, ("ar", "en"), "cpu"))
    for step in (0, 1, 2, SNAPSHOTS):
        run.write_snapshot(step, {0: np.zeros((1, 1))})
        run.write_table(f"umap-2d-layer-0-step-{step:08d}", pd.DataFrame({"x": [0.0]}))
    run.thin_snapshots(1)
    assert run.snapshots() == [0, 2, SNAPSHOTS]
    assert run.table("umap-2d-layer-0-step-00000001") is None
    assert run.table("umap-2d-layer-0-step-00000002") is not None
