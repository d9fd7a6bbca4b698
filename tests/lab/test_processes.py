"""`lab train` on several processes."""

import json
import os
import re
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from torch.distributed.run import get_args_parser

from lab import store
from lab.cli.train import parse
from lab.starting import start_run
from lab.training import run_training
from tests.lab.runs import FLAGS

LOSSES = ["losses.mmlm", "losses.tlm", "losses.xlco"]
TORCHRUN = ("torch.distributed.run", "--standalone", "--nproc-per-node", "2")
ACCELERATE = (
    "accelerate.commands.launch", "--cpu", "--num_processes", "3", "--num_machines", "1",
    "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0",
)  # fmt: skip


def launch(launcher, *words):
    return subprocess.Popen(
        [sys.executable, "-m", *launcher, "-m", "lab", "train", "toy", *words],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process) -> str:
    out, errors = process.communicate()
    assert process.returncode == 0, errors
    return out


def losses_of_one_process(like: store.Run):
    return run_training(*start_run("one", like.info.settings, None)).steps()[LOSSES]


def test_two_processes_write_one_run_with_the_losses_of_one_process():
    out = ended(launch(TORCHRUN, *FLAGS, "--steps", "12", "--name", "two", "--json"))
    assert json.loads(out)["steps"] == 12
    (run,) = store.list_runs()
    assert (run.name, run.status.state, run.info.device) == ("two", "finished", "2 x cpu")
    steps = run.steps()
    assert steps["step"].tolist() == list(range(13))
    assert run.snapshots() == [0, 5, 10, 12]
    assert (run.scores()["metric"] == "accuracy").sum() == 6
    cached = [path.name.split("-")[0] for path in store.cache_folder().iterdir()]
    assert sorted(cached) == ["encoded", "tokenizer", "turns", "world"]
    assert steps[LOSSES].to_numpy() == pytest.approx(losses_of_one_process(run), rel=1e-3, nan_ok=True)

    again = launch(TORCHRUN, *FLAGS, "--name", "two")
    errors = again.communicate()[1]
    assert again.returncode != 0
    assert errors.count("lab: run two exists already") == 1


def begun(*words):
    """A run on two processes, once it has taken a step."""
    launched = launch(TORCHRUN, *FLAGS, "--name", "r", *words)
    run = store.Run("r", store.runs_folder() / "r")
    return launched, run, lambda reached: wait(launched, reached)


def wait(launched, reached):
    while not reached():
        assert launched.poll() is None, launched.communicate()[1]
        time.sleep(0.01)


def test_two_processes_pause_and_stop_when_asked_and_three_go_on():
    launched, run, until = begun("--steps", "12")
    # before its first step, so that it is not over before it is asked
    until(lambda: (run.folder / "run.json").is_file())
    run.send_request("pause")
    until(lambda: run.status.state == "paused")
    run.send_request("stop")
    ended(launched)
    assert (run.status.state, run.status.step) == ("stopped", 1)
    ended(launch(ACCELERATE, "--name", "r", "--resume"))
    assert run.status.state == "finished"
    steps = run.steps()
    assert steps["step"].tolist() == list(range(13))
    assert steps[LOSSES].to_numpy() == pytest.approx(losses_of_one_process(run), rel=1e-3, nan_ok=True)


def test_a_signal_to_the_launcher_of_two_processes_leaves_a_checkpoint_of_the_last_step():
    launched, run, until = begun("--steps", "5000", "--measure.checkpoint-every", "5000")
    until(lambda: len(run.steps()) > 2)
    launched.terminate()
    said = launched.communicate()[1]
    assert launched.returncode != 0
    assert (run.status.state, run.status.message) == (
        "stopped",
        "stopped by SIGTERM; continue with --resume",
    ), said
    assert run.checkpoint().name == f"{run.status.step:08d}"
    assert run.steps()["step"].max() == run.status.step


def readme_commands():
    """torchrun's own words and those of `lab train`, as the README gives them."""
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for command in re.findall(r"torchrun (.*?)\n(?:```|\w)", text.replace("\\\n", " "), flags=re.DOTALL):
        yield command.split(" -m lab train ")


def test_the_commands_of_the_readme_are_understood():
    commands = list(readme_commands())
    assert len(commands) == 2
    for launcher, words in commands:
        known = get_args_parser().parse_args([*shlex.split(launcher), "script"])
        assert (known.nproc_per_node, known.nnodes) in (("8", "1:1"), ("8", "$SLURM_NNODES"))
        command = parse(shlex.split(words))
        assert command.settings.model.start == "FacebookAI/xlm-roberta-base"
        assert command.settings.recipe == "infoxlm-base"
