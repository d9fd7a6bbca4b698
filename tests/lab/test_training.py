"""Runs: from settings to results, killed and resumed, paused and stopped."""

import shutil
import signal
import threading
import time

import huggingface_hub.constants
import numpy as np
import pytest

from core.errors import InputError
from core.text.corpus import write_corpus
from core.train import NonFiniteLoss
from lab import cli, store
from lab.evaluate.run import RetrievalProtocol, evaluate_run
from lab.starting import reopen_run, settings_difference, start_run
from lab.training import run_training
from lab.world import World
from tests.lab.runs import FLAGS, tiny, trained_run
from tests.real_shape import real_shape_corpus

LOSSES = ["losses.mmlm", "losses.tlm", "losses.xlco"]


def test_a_run_ends_with_losses_snapshots_scores_and_a_checkpoint():
    run = trained_run()
    steps = run.steps()
    assert (run.status.state, run.status.step) == ("finished", 12)
    assert steps["step"].tolist() == list(range(13))
    assert steps.loc[1:, LOSSES].notna().all(axis=None)
    assert steps.loc[steps["retrieval"].notna(), "step"].tolist() == [0, 5, 10, 12]
    assert run.snapshots() == [0, 5, 10, 12]
    assert run.snapshot(12)[1].shape == (len(run.sentences()), 16)
    assert len(run.sentences()) == 6 * 3
    assert (run.scores()["metric"] == "accuracy").sum() == 6
    assert run.checkpoint() is not None


def test_equal_seeds_give_identical_runs_and_other_seeds_do_not():
    digest, same, other_digest = (
        trained_run(name, seed=seed).steps()[LOSSES] for name, seed in (("a", 1), ("b", 1), ("c", 2))
    )
    assert digest.equals(same)
    assert not digest.equals(other_digest)


def test_training_never_sees_the_held_out_meanings():
    run, corpus = start_run("r", tiny(), None)
    run_training(run, corpus)
    held_out = set(run.held_out()["meaning"])
    assert len(held_out) == 40
    assert len(run.held_out()) == 40 * 3


def test_evaluating_again_gives_the_scores_of_the_end_of_training():
    run = trained_run()
    before = run.scores()
    document = evaluate_run(run)
    assert document["mean_accuracy"] == pytest.approx(
        before[before["metric"] == "mean_accuracy"]["value"].iloc[0], abs=1e-9
    )
    assert len(document["retrieval"]) == 6
    assert run.scores().equals(before)


MASKED_ALONE = {"tlm": {"enabled": False}, "contrast": {"enabled": False}}


def told_of(name, corpus, **changes):
    """A run on other text, and its warnings."""
    reports = []
    run_training(*start_run(name, tiny(**changes), corpus), reports.append)
    return store.open_run(name), [report.warning for report in reports if report.warning]


def test_text_without_translations_is_trained_on_with_nothing_to_retrieve_and_says_so_once(tmp_path):
    world = World.load(("ar", "en"))
    meanings = enumerate(world.draw(100, 1).tolist())
    rows = [
        (number, tag, world.sentence(m, tag)) for number, m in meanings for tag in (("ar", "en")[number % 2],)
    ]
    write_corpus(rows, tmp_path / "c")
    run, warnings = told_of("r", tmp_path / "c", **MASKED_ALONE)
    steps = run.steps()
    assert run.status.state == "finished"
    assert not [column for column in steps if "retrieval" in column]
    assert run.snapshots() == [0, 5, 10, 12]
    assert sum("retrieval is not measured" in line for line in warnings) == 1
    assert run.scores().empty
    document = evaluate_run(run)
    assert document["mean_accuracy"] is None
    assert "no two languages share a meaning" in document["unmeasured"]


def test_a_probe_whose_languages_share_too_few_meanings_ends_no_run(tmp_path):
    run, warnings = told_of("r", None, measure={"retrieval_meanings": 2})
    assert run.status.state == "finished"
    assert "retrieval" not in run.steps()
    assert sum("retrieval is not measured" in line for line in warnings) == 1
    # all held-out meanings together are enough
    assert evaluate_run(run)["mean_accuracy"] is not None


def test_text_of_real_shape_is_measured_in_the_directions_that_are_large_enough(tmp_path):
    corpus = real_shape_corpus(tmp_path / "c", 0.02)
    changes = {"retrieval_meanings": 20, "snapshot_meanings": 3, "snapshot_every": 6}
    run, _ = told_of("r", tmp_path / "c", measure=changes, tokenizer={"vocabulary": 1_500}, steps=6)
    assert (
        set(run.sentences()["language"]) == set(run.held_out()["language"]) >= set(corpus.languages) - {"de"}
    )
    (chance, directions) = run.steps()[["retrieval_chance", "retrieval_directions"]].iloc[-1]
    assert 0 < chance < 1
    # English and French; the others hold out too few at this scale
    assert directions >= 2
    assert evaluate_run(run)["too_small"]


def test_evaluating_on_the_corpus_of_training_says_so(tmp_path, capsys):
    world = World.load(("ar", "en"))
    for name, seed in (("c", 1), ("other", 2)):
        write_corpus(world.rows(world.draw(60, seed), seed), tmp_path / name)
    shutil.copytree(tmp_path / "c", tmp_path / "copy")
    told_of("r", tmp_path / "c", steps=2)
    for name, trained_on in (("c", True), ("copy", True), ("other", False)):
        assert evaluate_run(store.open_run("r"), tmp_path / name)["trained_on"] == trained_on
        assert cli.run(["evaluate", "r", "--corpus", str(tmp_path / name)]) == 0
        assert ("was trained on this corpus" in capsys.readouterr().out) == trained_on


def test_evaluating_a_layer_that_is_not_there_is_refused():
    with pytest.raises(InputError, match="layer from 0 to 1"):
        evaluate_run(trained_run(), protocol=RetrievalProtocol(layer=2))


def test_a_run_stops_when_asked_and_resumes_to_the_same_losses():
    whole = trained_run("whole").steps()[LOSSES]
    run, corpus = start_run("r", tiny(), None)
    losses = run_training(
        run, corpus, lambda report: run.send_request("stop") if report.done == 6 and report.record else None
    )
    assert losses.status.state == "stopped"
    assert losses.status.step == 6
    resumed = run_training(*reopen_run("r"))
    assert resumed.status.state == "finished"
    assert resumed.steps()[LOSSES].equals(whole)


def test_a_paused_run_waits_and_its_clock_stands_still():
    pause_seconds = 0.5
    run, corpus = start_run("r", tiny(), None)
    states, times = [], {}

    def let_go():
        while run.status.state != "paused":
            time.sleep(0.02)
        states.append(run.status.state)
        time.sleep(pause_seconds)
        run.send_request("continue")

    def listen(report):
        if report.record:
            times[report.done] = time.perf_counter()
            if report.done == 3:
                run.send_request("pause")

    waiting = threading.Thread(target=let_go)
    waiting.start()
    run_training(run, corpus, listen)
    waiting.join()
    assert states == ["paused"]
    elapsed = run.steps().set_index("step")["elapsed"]
    # step 3 was recorded after step 2 was reported, and step 4 before it was itself, however slow the machine is
    assert elapsed[4] - elapsed[3] <= times[4] - times[2] - pause_seconds


def test_what_was_asked_before_the_first_step_is_obeyed_after_it():
    run, corpus = start_run("r", tiny(), None)
    run.send_request("stop")
    run_training(run, corpus)
    assert (run.status.state, run.status.step) == ("stopped", 1)
    # and does not hold for the one that goes on with the run
    assert run_training(*reopen_run("r")).status.state == "finished"


def test_a_diverging_run_is_marked_failed_with_the_remedy():
    run, corpus = start_run("r", tiny(optimizer={"learning_rate": 1e30, "warmup": 0, "clip": 1e30}), None)
    with pytest.raises(NonFiniteLoss):
        run_training(run, corpus)
    assert run.status.state == "failed"
    assert "not finite" in run.status.message


@pytest.mark.parametrize("after", [1, 6])
def test_a_run_killed_at_any_moment_resumes_to_the_same_losses_bit_for_bit(after, forks):
    flags = ["toy", *FLAGS, "--steps", "16", "--seed", str(after)]
    assert forks.run("train", *flags, "--name", "whole").code == 0
    killed = forks.begin("train", *flags, "--name", "killed")
    run = store.Run("killed", store.runs_folder() / "killed")
    killed.until(lambda: len(run.steps()) > after)
    killed.send(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL, "ended before it could be killed"
    assert run.status.state == "lost"
    resumed = forks.run("train", "toy", "--name", "killed", "--resume")
    assert resumed.code == 0, resumed.said
    whole = store.open_run("whole").steps()
    assert run.steps()[["step", *LOSSES]].equals(whole[["step", *LOSSES]])
    np.testing.assert_array_equal(run.snapshot(16)[1], store.open_run("whole").snapshot(16)[1])


def test_a_run_whose_folder_is_deleted_ends_with_one_line_and_leaves_nothing_behind(forks):
    running = forks.begin("train", "toy", *FLAGS, "--steps", "6000", "--name", "r")
    run = store.Run("r", store.runs_folder() / "r")
    running.until(lambda: len(run.steps()) >= 3)
    # a file that is written while the folder is emptied keeps the folder
    while run.folder.exists() and running.poll() is None:
        shutil.rmtree(run.folder, ignore_errors=True)
    assert running.wait() == 2, running.said
    assert "Traceback" not in running.said
    assert running.said.strip().splitlines()[-1].startswith("lab: ")
    assert not run.folder.exists()


def test_a_resumed_run_takes_its_text_from_another_folder_where_the_content_is_the_same(tmp_path, capsys):
    world = World.load(("ar", "en", "zh"))
    for name, seed in (("c", 1), ("other", 2)):
        write_corpus(world.rows(world.draw(100, seed), seed), tmp_path / name)
    run, corpus = start_run("r", tiny(steps=6), tmp_path / "c")
    run_training(
        run, corpus, lambda report: run.send_request("stop") if report.done == 3 and report.record else None
    )
    (tmp_path / "c").rename(tmp_path / "moved")
    words = ["train", "toy", "--name", "r", "--resume"]
    for more, message in (([], "name its folder with --corpus"),
                          (["--corpus", str(tmp_path / "other")], "was begun on other text"),
                          (["--corpus", str(tmp_path / "nowhere")], "expected a corpus folder")):  # fmt: skip
        assert cli.run([*words, *more]) == 2
        assert message in " ".join(capsys.readouterr().err.split())
        assert run.status.state == "stopped"
    assert cli.run([*words, "--corpus", str(tmp_path / "moved")]) == 0
    assert run.status.state == "finished"
    # remembered
    assert run.info.corpus == str((tmp_path / "moved").resolve())


def test_a_running_run_cannot_be_resumed():
    run, _ = start_run("r", tiny(), None)
    run.write_status("running", 1, 12)
    with pytest.raises(InputError, match="stop it first"):
        reopen_run("r")


def test_the_first_difference_between_settings_is_named():
    assert settings_difference(tiny(), tiny()) is None
    assert settings_difference(tiny(steps=13), tiny()) == "steps: 13, kept 12"


def test_a_resume_fetches_nothing_that_only_a_strangers_file_names(monkeypatch, tmp_path):
    # the hub's cache of this machine is empty
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    run, _ = start_run("r", tiny(), None)
    run.release()
    info = run.info
    shape = info.settings.model.model_copy(update={"start": "evil/model"})
    run.write_info(info.model_copy(update={"settings": info.settings.model_copy(update={"model": shape})}))
    with pytest.raises(InputError, match=r"'evil/model' on the hub, of which this machine holds nothing"):
        reopen_run("r")
    with run.new_checkpoint(3) as folder:
        (folder / "state.json").write_text("{}")
    # its own checkpoint is all that a resume needs
    reopen_run("r")
