"""Maps do not jump: what moves on them has moved in the model."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ortho_group

from core.errors import InputError
from lab.projection import (
    Frame,
    chained,
    half_width,
    layered,
    nearest,
    neighbours,
    principal,
    turned,
    umap_name,
    unit,
)


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(40, 12)) * np.linspace(3, 0.2, 12)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_the_same_vectors_give_the_same_map(vectors, dimensions):
    assert np.array_equal(principal(vectors, dimensions).points, principal(vectors.copy(), dimensions).points)


def test_a_rotation_of_the_space_leaves_the_distances_on_the_map(vectors):
    rotation = ortho_group.rvs(12, random_state=2)
    before, after = principal(vectors, 2).points, principal(vectors @ rotation, 2).points

    def distances(points):
        return np.linalg.norm(points[:, None] - points[None], axis=2)

    # float64 through one singular value decomposition
    assert np.allclose(distances(before), distances(after), atol=1e-9)


def test_principal_components_hold_the_share_of_variance_that_they_claim(vectors):
    rows = unit(vectors) - unit(vectors).mean(axis=0)
    frame = principal(vectors, 2)
    assert frame.share == pytest.approx((frame.points**2).sum() / (rows**2).sum())


def test_two_equal_sentences_and_a_zero_vector_can_be_mapped():
    points = principal(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0]]), 3).points
    assert points.shape == (3, 3)
    assert np.isfinite(points).all()


def test_a_turned_frame_undoes_any_rotation_and_reflection(vectors):
    frame = principal(vectors, 2)
    for rotation in (ortho_group.rvs(2, random_state=3), np.diag([1.0, -1.0])):
        assert np.allclose(turned(Frame(1, frame.points @ rotation), frame).points, frame.points, atol=1e-9)


def test_turning_never_moves_a_frame_further_away(vectors):
    generator = np.random.default_rng(4)
    frames = [principal(vectors + generator.normal(0, 0.3, vectors.shape), 2) for _ in range(6)]
    for before, after in pairwise(frames):
        apart = np.linalg.norm(after.points - before.points)
        assert np.linalg.norm(turned(after, before).points - before.points) <= apart + 1e-9


def test_small_steps_of_training_are_small_steps_on_the_map(vectors):
    generator = np.random.default_rng(5)
    drift = generator.normal(size=vectors.shape)
    snapshots = {step: {1: vectors + 0.004 * step * drift} for step in range(12)}
    frames = layered(snapshots, 1, 1, 2)
    moves = [np.linalg.norm(b.points - a.points, axis=1).max() for a, b in pairwise(frames)]
    assert max(moves) < 0.1 * half_width(frames)


def test_a_frame_stays_as_it_is_when_later_ones_arrive(vectors):
    snapshots = {step: {0: vectors + step} for step in range(4)}
    early = layered({step: snapshots[step] for step in range(2)}, 0, 0, 2)
    late = layered(snapshots, 0, 0, 2)
    assert all(np.array_equal(a.points, b.points) for a, b in zip(early, late, strict=False))


def test_another_layer_is_turned_onto_the_one_that_retrieval_reads(vectors):
    rotation = ortho_group.rvs(12, random_state=6)
    frames = layered({0: {1: vectors, 2: vectors @ rotation}}, 1, 2, 2)
    anchor = layered({0: {1: vectors, 2: vectors @ rotation}}, 2, 2, 2)
    assert np.allclose(frames[0].points, anchor[0].points, atol=1e-9)


def test_a_layer_that_is_not_there_is_refused_in_words(vectors):
    with pytest.raises(InputError, match="expected a layer"):
        layered({0: {1: vectors}}, 7, 1, 2)


def test_new_sentences_land_where_the_same_sentences_lie(vectors):
    frames = chained([principal(vectors, 2), principal(vectors + 0.1, 2)])
    assert np.allclose(frames[1].place(vectors + 0.1), frames[1].points, atol=1e-9)


def test_all_frames_fit_into_the_fixed_axes(vectors):
    frames = [principal(vectors * scale, 2) for scale in (1.0, 2.0)]
    assert all(np.abs(frame.points).max() <= half_width(frames) for frame in frames)


def test_neighbours_are_sorted_by_cosine_and_leave_the_sentence_itself_out():
    vectors = np.array([[1.0, 0.0], [2.0, 0.1], [0.0, 1.0], [-1.0, 0.0]])
    table = pd.DataFrame({"meaning": [1, 1, 2, 2], "language": list("abab"), "text": list("wxyz")})
    near = neighbours(vectors, table, 0, count=3)
    assert near["text"].tolist() == ["x", "y", "z"]
    assert near["translation"].tolist() == [True, False, False]
    assert near["cosine"].tolist() == pytest.approx([2 / np.hypot(2, 0.1), 0.0, -1.0])


def test_nearest_of_fewer_sentences_than_asked_for_gives_them_all():
    table = pd.DataFrame({"meaning": [1], "language": ["a"], "text": ["x"]})
    assert len(nearest(np.ones((1, 2)), table, np.ones(2), count=5)) == 1


def test_frames_of_umap_have_names_that_sort_by_step():
    assert umap_name(20, 2, 2) < umap_name(100, 2, 2)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore:Tensorflow not installed:ImportWarning", "ignore:n_jobs value:UserWarning"
)
def test_umap_is_kept_in_the_store_and_repeats_bit_for_bit(tmp_path, monkeypatch):
    from lab.projection import compute_umap, umap_frames
    from tests.app.runs import write_run

    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    run, again = write_run("one"), write_run("two")
    frames = compute_umap(run, 2, 2)
    compute_umap(again, 2, 2)
    assert [frame.step for frame in frames] == run.snapshots()
    for a, b in zip(umap_frames(run, 2, 2), umap_frames(again, 2, 2), strict=True):
        assert np.array_equal(a.points, b.points)
    written = (run.folder / "vectors" / f"{umap_name(40, 2, 2)}.parquet").stat().st_mtime_ns
    compute_umap(run, 2, 2)
    assert (run.folder / "vectors" / f"{umap_name(40, 2, 2)}.parquet").stat().st_mtime_ns == written
