# pyright: reportUnknownMemberType=false
"""Trains critics on some folds and reads them on the others, so that no sample judges a critic it trained."""

import copy
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.information import bounds
from core.information.estimators.elliptical import CriticInput, EllipticalCritic
from core.information.estimators.typed_scipy import Array, Labels


@dataclass(frozen=True)
class Schedule:
    """The training of a critic.

    Attributes:
        batch: pairs per step.
        steps: steps of training; 0 leaves the critic untrained.
        rate: learning rate.
        decay: weight decay.
        check: steps between two readings on held-out pairs.
        patience: readings without gain before training stops.
        unconstrained: adds a second round of as many steps, at half the rate, in which the critic may take any shape.
    """

    batch: int = 256
    steps: int = 400
    rate: float = 6e-3
    decay: float = 0.03
    check: int = 20
    patience: int = 5
    unconstrained: bool = True


@dataclass(frozen=True)
class CrossFit:
    """Readings of critics on held-out samples and on their own training samples, in nats by InfoNCE in both directions.

    Attributes:
        untrained: the elliptical critic before training, one term per held-out sample.
        trained: the critic after training, likewise.
        untrained_in_sample: mean of the critic before training on training samples.
        trained_in_sample: mean of the critic after training, likewise.
        ceiling: log of the number of held-out candidates.
    """

    untrained: Float[np.ndarray, " n"]
    trained: Float[np.ndarray, " n"]
    untrained_in_sample: float
    trained_in_sample: float
    ceiling: float


def infonce_terms(scores: Float[Tensor, "n n"]) -> Float[Tensor, " n"]:
    """InfoNCE terms averaged over both directions, x searching y and y searching x."""
    return 0.5 * (bounds.infonce(scores).terms + bounds.infonce(scores.T).terms)


@contextmanager
def one_thread() -> Generator[None]:
    """Runs torch on one thread: small networks are faster so, above all where other work shares the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@one_thread()
def crossfit(
    x: CriticInput,
    y: CriticInput,
    degrees: float,
    seed: int,
    folds: int = 3,
    schedule: Schedule | None = None,
) -> CrossFit:
    """Trains an elliptical critic for every fold on the other folds, and reads it on the fold.

    If training gains nothing on the first fold beyond the noise, the other critics stay untrained.
    """
    plan, n = schedule or Schedule(), len(x.base)
    order = np.random.default_rng(seed).permutation(n)
    before, after = np.zeros(n), np.zeros(n)
    seen: list[tuple[float, float]] = []
    for fold, test in enumerate(np.array_split(order, folds)):
        rest = order[~np.isin(order, test)]
        known = rest[len(rest) // 6 :][: len(test)]
        untrained, critic = _trained(x, y, rest, degrees, seed + fold, plan)
        before[test], seen_before = _read(untrained, x, y, test), _read(untrained, x, y, known).mean()
        after[test], seen_after = before[test], seen_before
        if plan.steps:
            after[test], seen_after = _read(critic, x, y, test), _read(critic, x, y, known).mean()
        if fold == 0 and not _stands_out(after[test] - before[test]):
            plan, after[test], seen_after = replace(plan, steps=0), before[test], seen_before
        seen.append((float(seen_before), float(seen_after)))
    mean_seen_before, mean_seen_after = np.mean(seen, axis=0)
    ceiling = sum(len(test) * np.log(len(test)) for test in np.array_split(order, folds)) / n
    return CrossFit(before, after, float(mean_seen_before), float(mean_seen_after), float(ceiling))


def trained_critic(
    x: CriticInput, y: CriticInput, rows: Labels, degrees: float, seed: int, schedule: Schedule
) -> EllipticalCritic:
    """A critic trained on some rows only."""
    return _trained(x, y, rows, degrees, seed, schedule)[1]


def untrained_only(x: CriticInput, y: CriticInput, seed: int, degrees: float = float("inf")) -> float:
    """Held-out InfoNCE in nats of the untrained critic, which compares preparations of the data."""
    return float(crossfit(x, y, degrees, seed, schedule=Schedule(steps=0)).untrained.mean())


def _stands_out(gains: Array) -> bool:
    return bool(gains.mean() > 2 * gains.std() / np.sqrt(len(gains)))


def _read(critic: nn.Module, x: CriticInput, y: CriticInput, rows: Labels) -> Array:
    index = torch.as_tensor(rows)
    with torch.no_grad():
        return infonce_terms(critic(x.take(index), y.take(index)).double()).numpy()


def _trained(
    x: CriticInput, y: CriticInput, rows: Labels, degrees: float, seed: int, schedule: Schedule
) -> tuple[EllipticalCritic, EllipticalCritic]:
    """The untrained and the trained critic; the first sixth of the rows decides when to stop.

    The critic first bends its axes. A second round without constraint needs more data, and costs where bent axes
    suffice.
    """
    stop, fit = (torch.as_tensor(part) for part in np.split(rows, [len(rows) // 6]))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        critic = EllipticalCritic(x.base[fit].double().numpy(), y.base[fit].double().numpy(), degrees)
        start = copy.deepcopy(critic)
        checked = x.take(stop), y.take(stop)

        def held_out() -> float:
            with torch.no_grad():
                return float(infonce_terms(critic(*checked)).mean())

        def batch_loss() -> Tensor:
            batch = fit[torch.randint(len(fit), (min(schedule.batch, len(fit)),))]
            scores = critic(x.take(batch), y.take(batch))
            return (0.5 * (scores.logsumexp(0) + scores.logsumexp(1)) - scores.diagonal()).mean()

        for unconstrained in (False, True)[: 1 + schedule.unconstrained]:
            critic.unconstrained = unconstrained
            stage = replace(schedule, rate=schedule.rate / 2) if unconstrained else schedule
            train_critic(critic, batch_loss, held_out, stage)
    return start, critic


@one_thread()
def train_critic(
    critic: nn.Module, batch_loss: Callable[[], Tensor], held_out: Callable[[], float], schedule: Schedule
) -> None:
    """Minimises the loss and leaves the critic where the held-out value was largest."""
    if not schedule.steps:
        return
    optimiser = torch.optim.AdamW(critic.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    best, best_state, idle = held_out(), copy.deepcopy(critic.state_dict()), 0
    for step in range(1, schedule.steps + 1):
        optimiser.zero_grad()
        batch_loss().backward()
        optimiser.step()
        if step % schedule.check:
            continue
        now = held_out()
        if now > best + 1e-4:
            best, best_state, idle = now, copy.deepcopy(critic.state_dict()), 0
        else:
            idle += 1
        if idle >= schedule.patience:
            break
    critic.load_state_dict(best_state)
