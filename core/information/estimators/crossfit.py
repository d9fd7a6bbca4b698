# pyright: reportUnknownMemberType=false
"""Training critics on some folds and reading them on the others, so that no sample judges its own critic."""

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
    """How a critic is trained: numbers of pairs, steps and the patience of early stopping (in checks).

    `free` adds a second round of as many steps, at half the rate, in which the critic may take any shape.
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
    """What critics say of samples they did not see (terms, one per sample) and of those they did (means).

    `untrained` is the elliptical critic before training, `trained` after it; all in nats by InfoNCE in both
    directions.
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
    """Networks this small run faster on one thread, and far faster where other work shares the cores."""
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
    """Elliptical critics trained on all folds but one and read on that one, for every fold.

    If training gains nothing on the first fold that stands out of its noise, all stay untrained.
    """
    plan, n = schedule or Schedule(), len(x.base)
    order = np.random.default_rng(seed).permutation(n)
    start, bent = np.zeros(n), np.zeros(n)
    seen: list[tuple[float, float]] = []
    for fold, test in enumerate(np.array_split(order, folds)):
        rest = order[~np.isin(order, test)]
        known = rest[len(rest) // 6 :][: len(test)]
        untrained, critic = _trained(x, y, rest, degrees, seed + fold, plan)
        start[test], seen_start = _read(untrained, x, y, test), _read(untrained, x, y, known).mean()
        bent[test], seen_bent = start[test], seen_start
        if plan.steps:
            bent[test], seen_bent = _read(critic, x, y, test), _read(critic, x, y, known).mean()
        if fold == 0 and not _stands_out(bent[test] - start[test]):
            plan, bent[test], seen_bent = replace(plan, steps=0), start[test], seen_start
        seen.append((float(seen_start), float(seen_bent)))
    known_start, known_bent = np.mean(seen, axis=0)
    ceiling = sum(len(test) * np.log(len(test)) for test in np.array_split(order, folds)) / n
    return CrossFit(start, bent, float(known_start), float(known_bent), float(ceiling))


def trained_critic(
    x: CriticInput, y: CriticInput, rows: Labels, degrees: float, seed: int, schedule: Schedule
) -> EllipticalCritic:
    """A critic trained on some rows only."""
    return _trained(x, y, rows, degrees, seed, schedule)[1]


def untrained_only(x: CriticInput, y: CriticInput, seed: int, degrees: float = float("inf")) -> float:
    """Held-out InfoNCE in nats of the untrained critic, to choose between preparations of the data."""
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

    It first bends its axes and is then set free, which costs more data than it brings where bent axes suffice.
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
            chosen = fit[torch.randint(len(fit), (min(schedule.batch, len(fit)),))]
            scores = critic(x.take(chosen), y.take(chosen))
            return (0.5 * (scores.logsumexp(0) + scores.logsumexp(1)) - scores.diagonal()).mean()

        for unconstrained in (False, True)[: 1 + schedule.unconstrained]:
            critic.unconstrained = unconstrained
            stage = replace(schedule, rate=schedule.rate / 2) if unconstrained else schedule
            train(critic, batch_loss, held_out, stage)
    return start, critic


@one_thread()
def train(
    critic: nn.Module, batch_loss: Callable[[], Tensor], held_out: Callable[[], float], schedule: Schedule
) -> None:
    """Minimise the loss; leave the critic where the held-out value was largest."""
    if not schedule.steps:
        return
    optimiser = torch.optim.AdamW(critic.parameters(), lr=schedule.rate, weight_decay=schedule.decay)
    best, kept, idle = held_out(), copy.deepcopy(critic.state_dict()), 0
    for step in range(1, schedule.steps + 1):
        optimiser.zero_grad()
        batch_loss().backward()
        optimiser.step()
        if step % schedule.check:
            continue
        now = held_out()
        if now > best + 1e-4:
            best, kept, idle = now, copy.deepcopy(critic.state_dict()), 0
        else:
            idle += 1
        if idle >= schedule.patience:
            break
    critic.load_state_dict(kept)
