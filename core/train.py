"""The training loop: a generator of `Step` records. What happens to them is the caller's business."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from core.config import OptimizerSettings, Settings
from core.model.infoxlm import InfoXLM
from core.objectives import Outcome, mmlm, tlm, xlco
from core.text.batches import Batch, Batches
from core.text.sampling import TASKS, Sampler


class NonFiniteLoss(RuntimeError):
    """A loss or gradient is not finite; raised before the update, so the weights are still the last good ones."""


@dataclass(frozen=True)
class Step:
    """What one optimizer step did. Losses, bounds and ceilings in nats, by task, over all processes."""

    step: int
    losses: dict[str, float]
    bounds: dict[str, float]
    ceilings: dict[str, float]
    counts: dict[str, int]
    tokens: int
    learning_rate: float
    gradient_norm: float
    seconds: float


@dataclass
class Training:
    """All that a run changes: weights, optimizer, sampler, and how far it is."""

    settings: Settings
    model: InfoXLM
    sampler: Sampler
    batches: Batches
    token_entropies: dict[str, float]
    accelerator: Accelerator
    step: int = 0
    optimizer: AdamW = field(init=False)

    def __post_init__(self) -> None:
        chosen = self.settings.optimizer
        self.model.to(self.accelerator.device)
        self.optimizer = AdamW(
            [parameter for _, parameter in self.model.trained()],
            lr=chosen.learning_rate,
            betas=chosen.betas,
            eps=chosen.epsilon,
            weight_decay=chosen.weight_decay,
            fused=True,
        )


def learning_rate(step: int, steps: int, settings: OptimizerSettings) -> float:
    """Of step 1 ... `steps`: up to the peak in a line over the warm-up, then down in a line to 0 at the last step.

    Example:
        >>> paper = OptimizerSettings(learning_rate=2e-4, warmup=10_000)
        >>> [learning_rate(step, 150_000, paper) for step in (1, 10_000, 80_000, 150_000)]
        [2e-08, 0.0002, 0.0001, 0.0]
    """
    if step <= settings.warmup:
        return settings.learning_rate * step / settings.warmup
    return settings.learning_rate * (steps - step) / max(1, steps - settings.warmup)


def train(training: Training) -> Iterator[Step]:
    """Trains to the last step, from wherever `training` stands, and yields a record after every optimizer step.

    Raises:
        NonFiniteLoss: before the update of the step at fault.
    """
    settings, model, accelerator = training.settings, training.model, training.accelerator
    model.train()
    fill_queue(training)
    while training.step < settings.steps:
        began, step = time.perf_counter(), training.step + 1
        # seeded by the step, so that dropout repeats after a resume
        torch.manual_seed((settings.seed << 32) + step)
        parts = draw(training, step)
        counts = count(parts, accelerator)
        outcomes: list[dict[str, Outcome]] = []
        for part in parts:
            with accelerator.autocast():
                outcome, keys = objectives(training, part)
            accelerator.backward(total(outcome, counts, settings))
            outcomes.append(outcome)
            if keys is not None:
                model.queue.push(*(gather(accelerator)(tensor) for tensor in keys))
        reduce_gradients(training)
        norm = float(clip_grad_norm_([p for _, p in model.trained()], settings.optimizer.clip))
        sums = summed(outcomes, accelerator)
        check_finite(step, norm, sums)
        rate = learning_rate(step, settings.steps, settings.optimizer)
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)
        model.follow()
        training.step = step
        losses = {task: loss / counts[task] for task, (loss, _) in sums.items()}
        ceilings = {task: headroom / counts[task] for task, (_, headroom) in sums.items()}
        bounds = {task: ceilings[task] - losses[task] for task in losses}
        tokens = int(reduced(accelerator, [sum(part.tokens for part in parts)])[0])
        yield Step(step, losses, bounds, ceilings, counts, tokens, rate, norm, time.perf_counter() - began)


def draw(training: Training, step: int) -> list[Batch]:
    """This process's micro-batches of a step."""
    settings, accelerator = training.settings, training.accelerator
    contrast = settings.contrast
    across = contrast.mixup and contrast.mixup_languages == "other"
    drawn = training.sampler.draw(step, *settings.examples, 1 + contrast.mixup, across)
    shares = accelerator.num_processes * settings.batch.accumulate
    mine = range(accelerator.process_index, shares, accelerator.num_processes)
    return [training.batches.build(step, drawn, share, shares).to(accelerator.device) for share in mine]


def objectives(training: Training, batch: Batch) -> tuple[dict[str, Outcome], tuple[Tensor, Tensor] | None]:
    """The outcome of each task on a micro-batch, and the keys with their meanings for the queue."""
    model, entropies = training.model, training.token_entropies
    outcomes: dict[str, Outcome] = {}
    keys: tuple[Tensor, Tensor] | None = None
    if batch.mmlm is not None:
        outcomes["mmlm"] = mmlm(model, batch.mmlm, entropies["mmlm"])
    if batch.tlm is not None:
        outcomes["tlm"] = tlm(model, batch.tlm, entropies["tlm"])
    if batch.xlco is not None:
        outcomes["xlco"], *made = xlco(model, batch.xlco, gather(training.accelerator))
        keys = (made[0], made[1])
    return outcomes, keys


def total(outcomes: dict[str, Outcome], counts: dict[str, int], settings: Settings) -> Tensor:
    """The joint loss of a micro-batch: its share of the step's three means, or of one sum over one count."""
    weights = {"mmlm": settings.mmlm.weight, "tlm": settings.tlm.weight, "xlco": settings.contrast.weight}
    one_count = sum(counts.values())
    divisors = {
        task: one_count if settings.batch.reduction == "token-sum" else max(1, counts[task])
        for task in counts
    }
    return sum(
        (weights[task] * outcome.loss_sum / divisors[task] for task, outcome in outcomes.items()),
        torch.zeros(()),
    )


def count(parts: list[Batch], accelerator: Accelerator) -> dict[str, int]:
    """Masked tokens and sentence pairs of the whole step, over micro-batches and processes."""
    local = {
        "mmlm": sum(len(part.mmlm.targets) for part in parts if part.mmlm is not None),
        "tlm": sum(len(part.tlm.targets) for part in parts if part.tlm is not None),
        "xlco": sum(len(part.xlco.meanings) for part in parts if part.xlco is not None),
    }
    enabled = [task for task in TASKS if getattr(parts[0], task) is not None]
    return {
        task: max(1, int(value))
        for task, value in zip(enabled, reduced(accelerator, [local[t] for t in enabled]), strict=True)
    }


def summed(outcomes: list[dict[str, Outcome]], accelerator: Accelerator) -> dict[str, tuple[float, float]]:
    """Per task the sum of losses and of ceilings, over micro-batches and processes."""
    tasks = list(outcomes[0])
    losses = [float(sum(outcome[task].loss_sum.detach() for outcome in outcomes)) for task in tasks]
    headroom = [sum(outcome[task].headroom_sum for outcome in outcomes) for task in tasks]
    values = reduced(accelerator, losses + headroom)
    return {task: (values[i], values[len(tasks) + i]) for i, task in enumerate(tasks)}


def check_finite(step: int, norm: float, sums: dict[str, tuple[float, float]]) -> None:
    """Raises NonFiniteLoss, with the task at fault and what helps."""
    bad = [task for task, (loss, _) in sums.items() if not math.isfinite(loss)]
    if bad or not math.isfinite(norm):
        what = f"the loss of {', '.join(bad)}" if bad else "the gradient"
        raise NonFiniteLoss(
            f"step {step}: {what} is not finite; nothing was updated. Lower optimizer.learning-rate, raise "
            "optimizer.warmup, or use precision no, then continue with --resume"
        )


def fill_queue(training: Training) -> None:
    """Fills the queue with real keys before the first step, so that it never holds anything else."""
    contrast, queue = training.settings.contrast, training.model.queue
    if training.step or not contrast.enabled or not contrast.prefill:
        return
    before = training.sampler.state()
    for step in range(math.ceil(queue.size / training.settings.examples[2])):
        for part in draw(training, step + training.settings.steps + 1):
            assert part.xlco is not None
            with torch.no_grad(), training.accelerator.autocast():
                keys = training.model.keys(part.xlco.keys)
            queue.push(*(gather(training.accelerator)(tensor) for tensor in (keys, part.xlco.meanings)))
    training.sampler.restore(before)


def gather(accelerator: Accelerator) -> Callable[[Tensor], Tensor]:
    """Concatenates rows over processes, in the order of their ranks."""
    return lambda tensor: tensor


def reduce_gradients(training: Training) -> None:
    """Sums gradients over processes; each holds its share of one joint loss."""
    if training.accelerator.num_processes > 1:
        for _, parameter in training.model.trained():
            if parameter.grad is not None:
                parameter.grad = training.accelerator.reduce(parameter.grad, "sum")  # pyright: ignore[reportAttributeAccessIssue]


def reduced(accelerator: Accelerator, values: Sequence[float]) -> list[float]:
    """Sums of numbers over processes."""
    if accelerator.num_processes == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64, device=accelerator.device)
    return accelerator.reduce(tensor, "sum").tolist()  # pyright: ignore[reportAttributeAccessIssue]
