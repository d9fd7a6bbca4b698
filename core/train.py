"""The training loop: a generator of `Step` records, which the caller stores or shows."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor
from torch.nn.utils import clip_grad_norm_
from torch.optim import AdamW

from core.config import OptimizerSettings, Settings
from core.errors import InputError
from core.model.infoxlm import InfoXLM
from core.objectives import AnyTask, Outcome, tasks_of
from core.processes import Shard, all_reduce_sum, sum_gradients
from core.text.batches import RowReader
from core.text.encoded import EncodedCorpus
from core.text.sampling import Sampler


class NonFiniteLoss(RuntimeError):
    """A loss or gradient is not finite; raised before the update, so the weights are still good."""


@dataclass(frozen=True)
class Step:
    """Record of one optimizer step. Losses, bounds and ceilings in nats, by task, over all processes.

    bound = ceiling - loss, where the bound also counts the candidates that the loss leaves out. Bounds are measured
    on training text, and with keys of older encoders where there is a queue. They show how training goes; on text
    that the model has not seen they bound nothing. `shares` holds the part of the vocabulary that the softmax of a task
    ran over (k-NN target sampling), for tasks that do not read all of it.
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
    shares: dict[str, float] = field(default_factory=dict[str, float])


@dataclass
class Training:
    """The state of a run: weights, optimizer, sampler and the number of the last step.

    Attributes:
        tasks: the tasks that the model is trained on, by key, in the order in which gradients are added.
        reader: reads this process's micro-batches.

    Raises:
        InputError: a step has fewer examples than there are processes and micro-batches to share them.
    """

    settings: Settings
    model: InfoXLM
    sampler: Sampler
    corpus: EncodedCorpus
    mask_id: int
    accelerator: Accelerator
    step: int = 0
    optimizer: AdamW = field(init=False)
    tasks: dict[str, AnyTask] = field(init=False)
    reader: RowReader = field(init=False)

    def __post_init__(self) -> None:
        optimizer, accumulate = self.settings.optimizer, self.settings.batch.accumulate
        self.tasks = tasks_of(self.model)
        fewest = min(map(self.examples, self.tasks.values()))
        num_shards = accumulate * self.accelerator.num_processes
        if fewest < num_shards:
            raise InputError(
                f"expected at least {num_shards} examples of each task per step, one for each micro-batch of each "
                f"process, got {fewest}: raise batch.examples, or lower batch.accumulate"
            )
        # what a micro-batch holds does not depend on the number of processes
        process = int(self.accelerator.process_index)
        local = [number + accumulate * process for number in range(accumulate)]
        self.reader = RowReader(self.corpus, self.settings.model.max_tokens, self.mask_id, local, num_shards)
        self.model.to(self.accelerator.device)
        if self.settings.compile:
            self.model.compile_layers()
        self.optimizer = AdamW(
            [parameter for _, parameter in self.model.trained()],
            lr=optimizer.learning_rate,
            betas=optimizer.betas,
            eps=optimizer.epsilon,
            weight_decay=optimizer.weight_decay,
            fused=True,
        )

    def examples(self, task: AnyTask) -> int:
        """Examples of a task per step, over all processes."""
        return self.settings.examples_of(task.section)

    def shards(self, task: AnyTask) -> list[Shard]:
        """This process's part of each micro-batch of a task."""
        accelerator, accumulate = self.accelerator, self.settings.batch.accumulate
        return [
            Shard(
                len(range(number, self.examples(task), accumulate)),
                accelerator.process_index,
                accelerator.num_processes,
            )
            for number in range(accumulate)
        ]

    def batches(self, task: AnyTask, step: int, from_end: bool = False) -> list[Any]:
        """This process's micro-batches of a task; with `from_end`, of the rows that an epoch reads last."""
        drawn = task.draw_batches(step, self.sampler, self.reader, self.examples(task), from_end)
        return [batch.to(self.accelerator.device) for batch in drawn]


def learning_rate(step: int, steps: int, settings: OptimizerSettings) -> float:
    """Learning rate of a step from 1 to `steps`: linear warm-up to the peak, then linear decay to 0 at the last step.

    peak * step / warmup, then peak * (steps - step) / (steps - warmup).

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
    tasks, process = training.tasks, accelerator.process_index
    model.train()
    parameters = [parameter for _, parameter in model.trained()]
    before_training(training)
    while training.step < settings.steps:
        began, step = time.perf_counter(), training.step + 1
        seed_dropout(settings.seed, step, process)
        micro_batches = draw_micro_batches(training, step)
        counts = num_targets(micro_batches)
        running = {
            key: task.outcomes(
                model,
                [batches[key] for batches in micro_batches],
                training.shards(task),
                lambda number, step=step: seed_dropout(settings.seed, step, process, number + 1),
            )
            for key, task in tasks.items()
        }
        outcomes: dict[str, list[Outcome]] = {key: [] for key in tasks}
        for _ in micro_batches:
            for key, task in tasks.items():
                with accelerator.autocast():
                    outcomes[key].append(next(running[key]))
                # at once, so that memory holds the activations of one task at a time
                weighted_loss(outcomes[key][-1], task, counts, settings).backward()
        sum_gradients(parameters)
        norm = float(clip_grad_norm_(parameters, settings.optimizer.clip))
        losses, ceilings, left_out, shares, tokens = reduce_losses(outcomes, counts, micro_batches)
        check_finite(step, norm, losses)
        rate = learning_rate(step, settings.steps, settings.optimizer)
        for group in training.optimizer.param_groups:
            group["lr"] = rate
        training.optimizer.step()
        training.optimizer.zero_grad(set_to_none=True)
        for key, task in tasks.items():
            task.after_step(model, outcomes[key], training.shards(task))
        training.step = step
        bounds = {key: ceilings[key] - losses[key] - left_out[key] for key in losses}
        # only a task that predicts among a part of the vocabulary has a share
        shares = {key: share for key, share in shares.items() if share}
        seconds = time.perf_counter() - began
        yield Step(step, losses, bounds, ceilings, counts, tokens, rate, norm, seconds, shares)


def seed_dropout(seed: int, step: int, process: int, *parts: int) -> None:
    """Makes dropout repeat after a resume, and differ between processes and parts of a step."""
    state = np.random.SeedSequence((seed, step, process, *parts)).generate_state(1, np.uint64)
    torch.manual_seed(int(state[0]))


def draw_micro_batches(training: Training, step: int) -> list[dict[str, Any]]:
    """This process's micro-batches of a step, each with a batch per task.

    The joint batch is dealt to micro-batches, and each micro-batch to the processes.
    """
    drawn = {key: training.batches(task, step) for key, task in training.tasks.items()}
    return [dict(zip(drawn, batches, strict=True)) for batches in zip(*drawn.values(), strict=True)]


def weighted_loss(outcome: Outcome, task: AnyTask, counts: dict[str, int], settings: Settings) -> Tensor:
    """The task's term in the loss of a step, in nats: weight * sum of its losses / count.

    With `reduction="mean"` the count is the number of the task's own predictions, with "token-sum" the number of
    predictions of all tasks together.
    """
    weight = settings.tasks[task.section].weight
    divisor = sum(counts.values()) if settings.batch.reduction == "token-sum" else counts[task.key]
    return weight * outcome.loss_sum / divisor


def num_targets(micro_batches: list[dict[str, Any]]) -> dict[str, int]:
    """Number of predictions of each task in a step, over micro-batches and processes; at least 1."""
    keys = list(micro_batches[0])
    joint = all_reduce_sum([sum(batches[key].count for batches in micro_batches) for key in keys])
    return {key: max(1, int(value)) for key, value in zip(keys, joint, strict=True)}


def reduce_losses(
    outcomes: dict[str, list[Outcome]], counts: dict[str, int], micro_batches: list[dict[str, Any]]
) -> tuple[dict[str, float], dict[str, float], dict[str, float], dict[str, float], int]:
    """Means per task over all processes, and the tokens read.

    Returns:
        Mean loss, ceiling and left-out loss in nats; the mean share of the vocabulary, 0 for all of it; the tokens.
    """
    losses = [float(sum(outcome.loss_sum.detach() for outcome in each)) for each in outcomes.values()]
    ceilings = [sum(outcome.ceiling_sum for outcome in each) for each in outcomes.values()]
    left_out = [sum(outcome.left_out_sum for outcome in each) for each in outcomes.values()]
    shares = [sum(outcome.share_sum for outcome in each) for each in outcomes.values()]
    read = sum(batch.tokens for batches in micro_batches for batch in batches.values())
    *joint, tokens = all_reduce_sum([*losses, *ceilings, *left_out, *shares, read])
    per_task = [value / count for value, count in zip(joint, [*counts.values()] * 4, strict=True)]
    size = len(counts)
    columns = (per_task[at : at + size] for at in range(0, 4 * size, size))
    loss, ceiling, added, share = (dict(zip(counts, column, strict=True)) for column in columns)
    return loss, ceiling, added, share, int(tokens)


def check_finite(step: int, norm: float, losses: dict[str, float]) -> None:
    """Raises NonFiniteLoss where a loss or the gradient is not finite, with the task at fault and what helps."""
    bad = [task for task, loss in losses.items() if not math.isfinite(loss)]
    if bad or not math.isfinite(norm):
        what = f"the loss of {', '.join(bad)}" if bad else "the gradient"
        raise NonFiniteLoss(
            f"step {step}: {what} is not finite; nothing was updated. Lower optimizer.learning-rate, raise "
            "optimizer.warmup, or use precision no, then continue with --resume"
        )


def before_training(training: Training) -> None:
    """Lets tasks prepare themselves before step 1, on text that the first epoch reads last.

    The sampler is put back to where it was.
    """
    if training.step:
        return
    for task in training.tasks.values():
        before = training.sampler.state()

        def extra(number: int, task: AnyTask = task) -> tuple[list[Any], list[Shard]]:
            step = training.settings.steps + 1 + number
            return training.batches(task, step, from_end=True), training.shards(task)

        with torch.no_grad(), training.accelerator.autocast():
            task.before_training(training.model, extra)
        training.sampler.restore(before)
