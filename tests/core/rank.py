"""One of several processes that train the cases below: `python -m tests.core.rank TEXT OUT [CHECKPOINT]`."""

import contextlib
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from core.checkpoint import load, save
from core.config import Settings
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
    "seven examples": settings(steps=3, batch={"examples": 7}),
}
RESUMED = settings(steps=6, momentum=0.9, queue=13)
HALF = 3


def carry_out(text: Text, chosen: Settings) -> tuple[dict, dict[str, torch.Tensor]]:
    """What every step says, and tensors: the gradients of the first step, and the state after the last."""
    made, gradients = training(text, chosen), {}

    def keep(*_) -> None:
        if not gradients:
            gradients.update(
                {f"gradient/{n}": p.grad.clone() for n, p in made.model.trained() if p.grad is not None}
            )

    made.optimizer.register_step_pre_hook(keep)
    steps = [told(step) for step in train(made)]
    return {"steps": steps, "sampler": made.sampler.state()}, gradients | state(made)


def told(step) -> dict:
    return {"losses": step.losses, "ceilings": step.ceilings, "counts": step.counts, "tokens": step.tokens}


def state(made: Training) -> dict[str, torch.Tensor]:
    # tied weights are one tensor, which safetensors writes once
    weights = {f"weight/{name}": p.detach().clone() for name, p in made.model.trained()}
    queue = made.model.queue
    return weights | {
        "queue/keys": queue.keys.clone(),
        "queue/meanings": queue.meanings.clone(),
        "queue/where": torch.tensor([queue.pointer, queue.filled]),
    }


def broken(text: Text, rank: int) -> str:
    """What training says when the weights of one process are not finite."""
    made = training(text, settings(steps=1, prefill=False, in_batch=True))
    if rank == 1:
        made.model.language_model.lm_head.bias.data.fill_(float("inf"))
    with contextlib.suppress(StopIteration):
        try:
            next(train(made))
        except NonFiniteLoss as error:
            return str(error)
    return "nothing"


def halves(text: Text, checkpoint: Path) -> list[dict]:
    """The first half of a run where there is no checkpoint yet, otherwise the second."""
    made, steps = training(text, RESUMED), []
    if checkpoint.exists():
        load(made, checkpoint)
    for step in train(made):
        steps.append(told(step))
        if step.step == HALF:
            if made.accelerator.is_main_process:
                checkpoint.mkdir()
                save(made, text[1], checkpoint, 0.0)
            break
    return steps


def main() -> None:
    folder, out, checkpoint = map(Path, sys.argv[1:])
    torch.set_num_threads(1)
    text = open_text(folder)
    rank = training(text, RESUMED).accelerator.process_index
    said = {}
    for name, chosen in CASES.items():
        said[name], tensors = carry_out(text, chosen)
        save_file(tensors, out / f"{name}.{rank}.safetensors")
    said["broken"], said["halves"] = broken(text, rank), halves(text, checkpoint)
    (out / f"{rank}.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main()
