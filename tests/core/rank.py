"""One of several processes that train the cases below: `python -m tests.core.rank TEXT OUT CASE...`."""

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from core.checkpoint import load, save
from core.config import Settings
from core.objectives.xlco import XLCO
from core.train import NonFiniteLoss, Training, train
from tests.core.training import Text, open_text, settings, training

OFF = {"enabled": False}
QUERY = {"keys": "query", "in_batch": True, "pooling": "mean", "normalise": True, "temperature": 0.1}
CASES = {
    "momentum and queue": settings(steps=3, momentum=0.9),
    "no task but contrast": settings(steps=3, momentum=0.9, mmlm=OFF, tlm=OFF),
    "queue that is not filled": settings(steps=3, in_batch=True, prefill=False),
    "batch keys": settings(steps=3, queue=0, **QUERY),
    "batch keys, both directions, queue": settings(steps=3, queue=13, directions="both", **QUERY),
    "batch keys of the momentum copy": settings(steps=3, in_batch=True, directions="both"),
    "masked tasks": settings(steps=3, **OFF),
    "sum over tokens": settings(steps=3, batch={"reduction": "token-sum"}),
    "micro-batches": settings(steps=3, queue=13, batch={"accumulate": 2}),
    "micro-batches, batch keys": settings(steps=3, queue=0, batch={"accumulate": 2}, **QUERY),
    "mixed and masked": settings(steps=3, mixup=True, mixup_languages="other", mask_inputs=True),
    "word exchange": settings(
        steps=3, **OFF, weam={"enabled": True, "prior": "shuffled", "rate": 0.5}, batch={"accumulate": 2}
    ),
    "denoising word alignment": settings(
        steps=3, **OFF, dwa={"enabled": True, "rate": 0.5}, batch={"accumulate": 2}
    ),
    "seven examples": settings(steps=3, batch={"examples": 7}),
}
RESUMED = settings(steps=6, momentum=0.9, queue=13)
HALF = 3


def run_steps(text: Text, run_settings: Settings) -> tuple[dict, dict[str, torch.Tensor]]:
    """What every step says, and tensors: the gradients of the first step, and the state after the last."""
    trainer, gradients = training(text, run_settings), {}

    def keep(*_) -> None:
        if not gradients:
            gradients.update(
                {f"gradient/{n}": p.grad.clone() for n, p in trainer.model.trained() if p.grad is not None}
            )

    trainer.optimizer.register_step_pre_hook(keep)
    steps = [step_record(step) for step in train(trainer)]
    return {"steps": steps, "sampler": trainer.sampler.state()}, gradients | state(trainer)


def step_record(step) -> dict:
    return {"losses": step.losses, "ceilings": step.ceilings, "counts": step.counts, "tokens": step.tokens}


def state(trainer: Training) -> dict[str, torch.Tensor]:
    # tied weights are one tensor, which safetensors writes once
    weights = {f"weight/{name}": p.detach().clone() for name, p in trainer.model.trained()}
    if "contrast" not in trainer.model.tasks:
        return weights
    queue = XLCO.of(trainer.model).queue
    return weights | {
        "queue/keys": queue.keys.clone(),
        "queue/meanings": queue.meanings.clone(),
        "queue/where": torch.tensor([queue.pointer, queue.filled]),
    }


def broken(text: Text, rank: int) -> str:
    """What training says when the weights of one process are not finite."""
    trainer = training(text, settings(steps=1, prefill=False, in_batch=True))
    if rank == 1:
        trainer.model.language_model.lm_head.bias.data.fill_(float("inf"))
    with contextlib.suppress(StopIteration):
        try:
            next(train(trainer))
        except NonFiniteLoss as error:
            return str(error)
    return "nothing"


def halves(text: Text, checkpoint: Path) -> list[dict]:
    """The first half of a run where there is no checkpoint yet, otherwise the second."""
    trainer, steps = training(text, RESUMED), []
    if checkpoint.exists():
        load(trainer, checkpoint)
    for step in train(trainer):
        steps.append(step_record(step))
        if step.step == HALF:
            if trainer.accelerator.is_main_process:
                checkpoint.mkdir()
                save(trainer, text[1], checkpoint, 0.0)
            break
    return steps


Result = tuple[dict, dict[str, dict[str, torch.Tensor]]]


def results(count: int, text: Path, out: Path, cases: Iterable[str]) -> list[Result]:
    """What each of `count` processes says of the cases, and the tensors it ends with; `out` may hold a checkpoint."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"OMP_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.core.rank", str(text), str(out), *cases],
            env={**os.environ, **shared, "RANK": str(index), "LOCAL_RANK": str(index)},
            stderr=subprocess.PIPE,
        )
        for index in range(count)
    ]
    messages = [process.communicate()[1].decode() for process in running]
    assert not any(process.returncode for process in running), messages
    return [
        (
            json.loads((out / f"{index}.json").read_text()),
            {name: load_file(out / f"{name}.{index}.safetensors") for name in cases if name in CASES},
        )
        for index in range(count)
    ]


def main() -> None:
    text, out = open_text(Path(sys.argv[1])), Path(sys.argv[2])
    index, said = training(text, RESUMED).accelerator.process_index, {}
    for name in sys.argv[3:]:
        if name == "broken":
            said[name] = broken(text, index)
        elif name == "halves":
            said[name] = halves(text, out / "checkpoint")
        else:
            said[name], tensors = run_steps(text, CASES[name])
            save_file(tensors, out / f"{name}.{index}.safetensors")
    (out / f"{index}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
