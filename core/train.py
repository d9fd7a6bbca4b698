"""The training loop: a generator of `Step` records. What happens to them is the caller's business."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from core.config import OptimizerSettings, Settings
from core.errors import InputError
from core.model.infoxlm import InfoXLM
from core.objectives import Outcome, contrast_in_parts, mmlm, tlm
from core.processes import Shard, all_reduce_sum, sum_gradients
from core.text.batches import Batch, Batches
from core.text.sampling import TASKS, Sampler


class NonFiniteLoss(RuntimeError):
    """A loss or gradient is not finite; raised before the update, so the weights are still the last good ones."""


@dataclass(frozen=True)
class Step:
    """What one optimizer step did. Losses, bounds and ceilings in nats, by task, over all processes.

    The bounds are training bounds, ceiling minus loss, with the candidates that the loss leaves out: of text that is
    being trained on, and with keys of older encoders where there is a queue. They show how training goes and bound
    nothing on text that the model has not seen.
    """

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
    """All that a run changes: weights, optimizer, sampler, and how far it is.

    Raises:
        InputError: a step has fewer examples than there are processes and micro-batches to share them.
    """

    settings: Settings
    model: InfoXLM
    sampler: Sampler
    batches: Batches
    token_entropies: dict[str, float]
    accelerator: Accelerator
    step: int = 0
    optimizer: AdamW = field(init=False)

    def __post_init__(self) -> None:
        chosen, fewest = self.settings.optimizer, min(filter(None, self.settings.examples))
        if fewest < self.shares:
            raise InputError(
                f"expected at least {self.shares} examples of each task per step, one for each micro-batch of each "
                f"process, got {fewest}: raise batch.examples, or lower batch.accumulate"
            )
        self.model.to(self.accelerator.device)
        if self.settings.compile:
            self.model.compile_layers()
        self.optimizer = AdamW(
            [parameter for _, parameter in self.model.trained()],
            lr=chosen.learning_rate,
            betas=chosen.betas,
            eps=chosen.epsilon,
            weight_decay=chosen.weight_decay,
            fused=True,
        )

    @property
    def shares(self) -> int:
        """Parts that the joint batch of a step is cut into: the micro-batches of all processes."""
        return self.settings.batch.accumulate * self.accelerator.num_processes


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
    parameters = [parameter for _, parameter in model.trained()]
    fill_queue(training)
    while training.step < settings.steps:
        began, step = time.perf_counter(), training.step + 1
        seed_dropout(settings.seed, step, accelerator.process_index)
        parts = micro_batches(training, step, settings.examples)
        counts, keys = num_targets(parts), list[Keys]()
        contrasts = contrast(training, step, parts, keys)
        outcomes: list[dict[str, Outcome]] = [{} for _ in parts]
        for part, outcome in zip(parts, outcomes, strict=True):
            for task in counts:
                with accelerator.autocast():
                    outcome[task] = next(contrasts) if task == "xlco" else masked(training, task, part)
                # at once, so that memory holds the activations of one task at a time
                weighted_loss(outcome[task], task, counts, settings).backward()
        sum_gradients(parameters)
        norm = float(clip_grad_norm_(parameters, settings.optimizer.clip))
        losses, ceilings, left_out, tokens = reduce_losses(outcomes, counts, parts)
        check_finite(step, norm, losses)
        rate = learning_rate(step, settings.steps, settings.optimizer)
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)
        model.follow()
        remember(training, keys)
        training.step = step
        bounds = {task: ceilings[task] - losses[task] - left_out[task] for task in losses}
        yield Step(step, losses, bounds, ceilings, counts, tokens, rate, norm, time.perf_counter() - began)


def seed_dropout(seed: int, step: int, process: int, *parts: int) -> None:
    """Makes dropout repeat after a resume, and differ between processes and parts of a step."""
    state = np.random.SeedSequence((seed, step, process, *parts)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


def micro_batches(
    training: Training, step: int, examples: tuple[int, int, int], from_end: bool = False
) -> list[Batch]:
    """This process's micro-batches of a step; `from_end` of the first epoch backwards.

    The joint batch is dealt to micro-batches, and each of those to the processes: what a micro-batch holds does not
    depend on the number of processes.
    """
    chosen, accelerator = training.settings.contrast, training.accelerator
    across = chosen.mixup and chosen.mixup_languages == "other"
    drawn = training.sampler.draw(step, *examples, 1 + chosen.mixup, across, from_end)
    accumulate, process = training.settings.batch.accumulate, int(accelerator.process_index)
    mine = [number + accumulate * process for number in range(accumulate)]
    batches = training.batches.parts(step, drawn, mine, training.shares)
    return [batch.to(accelerator.device) for batch in batches]


def shards(training: Training) -> list[Shard]:
    """How the sentence pairs of each micro-batch lie with processes."""
    accelerator, accumulate = training.accelerator, training.settings.batch.accumulate
    return [
        Shard(
            len(range(number, training.settings.examples[2], accumulate)),
            accelerator.process_index,
            accelerator.num_processes,
        )
        for number in range(accumulate)
    ]


Keys = tuple[Tensor, Tensor]
"""Keys of a micro-batch and their meanings."""


def contrast(training: Training, step: int, parts: list[Batch], keys: list[Keys]) -> Iterator[Outcome]:
    """The outcome of XLCO on each micro-batch, among the candidates of the step; adds its keys to `keys`."""
    seed, process = training.settings.seed, training.accelerator.process_index
    batches = [part.xlco for part in parts if part.xlco is not None]
    for outcome, vectors, meanings in contrast_in_parts(
        training.model,
        batches,
        shards(training),
        lambda number: seed_dropout(seed, step, process, number + 1),
    ):
        keys.append((vectors, meanings))
        yield outcome


def masked(training: Training, task: str, batch: Batch) -> Outcome:
    """The outcome of MMLM or TLM on a micro-batch."""
    examples = batch.mmlm if task == "mmlm" else batch.tlm
    assert examples is not None
    return (mmlm if task == "mmlm" else tlm)(training.model, examples, training.token_entropies[task])


def remember(training: Training, keys: list[Keys]) -> None:
    """Puts the keys of a step into the queue, in the order of the joint batch."""
    queue = training.model.queue
    if keys and queue.size:
        vectors, meanings = (joint(training, parts) for parts in zip(*keys, strict=True))
        queue.push(vectors, meanings)


def joint(training: Training, parts: Sequence[Tensor]) -> Tensor:
    """The rows of all micro-batches of all processes, in the order of the joint batch."""
    dealt = [deal.gather(rows) for deal, rows in zip(shards(training), parts, strict=True)]
    whole = torch.cat(dealt)
    for number, rows in enumerate(dealt):
        whole[number :: len(dealt)] = rows
    return whole


def weighted_loss(outcome: Outcome, task: str, counts: dict[str, int], settings: Settings) -> Tensor:
    """What a task adds to the joint loss of a step: to the sum of three means, or of one sum over one count."""
    weight = {"mmlm": settings.mmlm, "tlm": settings.tlm, "xlco": settings.contrast}[task].weight
    divisor = sum(counts.values()) if settings.batch.reduction == "token-sum" else counts[task]
    return weight * outcome.loss_sum / divisor


def num_targets(parts: list[Batch]) -> dict[str, int]:
    """Masked tokens and sentence pairs of the whole step, over micro-batches and processes."""
    local = {
        "mmlm": sum(len(part.mmlm.targets) for part in parts if part.mmlm is not None),
        "tlm": sum(len(part.tlm.targets) for part in parts if part.tlm is not None),
        "xlco": sum(len(part.xlco.meanings) for part in parts if part.xlco is not None),
    }
    enabled = [task for task in TASKS if getattr(parts[0], task) is not None]
    joint = all_reduce_sum([local[task] for task in enabled])
    return {task: max(1, int(value)) for task, value in zip(enabled, joint, strict=True)}


def reduce_losses(
    outcomes: list[dict[str, Outcome]], counts: dict[str, int], parts: list[Batch]
) -> tuple[dict[str, float], dict[str, float], dict[str, float], int]:
    """Mean loss, ceiling and what is left out of the loss per task, and the tokens read, over parts and processes."""
    losses = [float(sum(outcome[task].loss_sum.detach() for outcome in outcomes)) for task in counts]
    headroom = [sum(outcome[task].ceiling_sum for outcome in outcomes) for task in counts]
    left_out = [sum(outcome[task].left_out_sum for outcome in outcomes) for task in counts]
    *joint, tokens = all_reduce_sum([*losses, *headroom, *left_out, sum(part.tokens for part in parts)])
    per_task = [value / count for value, count in zip(joint, [*counts.values()] * 3, strict=True)]
    size = len(counts)
    columns = (per_task[at : at + size] for at in range(0, 3 * size, size))
    loss, ceiling, added = (dict(zip(counts, column, strict=True)) for column in columns)
    return loss, ceiling, added, int(tokens)


def check_finite(step: int, norm: float, losses: dict[str, float]) -> None:
    """Raises NonFiniteLoss, with the task at fault and what helps."""
    bad = [task for task, loss in losses.items() if not math.isfinite(loss)]
    if bad or not math.isfinite(norm):
        what = f"the loss of {', '.join(bad)}" if bad else "the gradient"
        raise NonFiniteLoss(
            f"step {step}: {what} is not finite; nothing was updated. Lower optimizer.learning-rate, raise "
            "optimizer.warmup, or use precision no, then continue with --resume"
        )


def fill_queue(training: Training) -> None:
    """Fills the queue with real keys before the first step, so that it never holds anything else."""
    contrast, queue = training.settings.contrast, training.model.queue
    full = queue.filled == queue.size
    if training.step or not contrast.enabled or not contrast.prefill or full:
        return
    before = training.sampler.state()
    pairs = training.settings.examples[2]
    for step in range(math.ceil(queue.size / pairs)):
        parts = micro_batches(training, step + training.settings.steps + 1, (0, 0, pairs), from_end=True)
        keys = list[Keys]()
        for part in parts:
            assert part.xlco is not None
            with torch.no_grad(), training.accelerator.autocast():
                keys.append((training.model.keys(part.xlco.keys), part.xlco.meanings))
        remember(training, keys)
    training.sampler.restore(before)
