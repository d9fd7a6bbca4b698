"""Training critics on some folds and reading them on the others, so that no sample judges its own critic."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.information import bounds
from core.information.estimators.elliptical import EllipticalCritic, Side
from core.information.estimators.samples import Array


@dataclass(frozen=True)
class Schedule:
    """How a critic is trained: numbers of pairs, steps and the patience of early stopping (in checks)."""

    batch: int = 512
    steps: int = 400
    rate: float = 4e-3
    decay: float = 0.03
    check: int = 20
    patience: int = 6


@dataclass(frozen=True)
class Held:
    """What critics say of samples they did not see (terms, one per sample) and of those they did (means).

    `start` is the untrained elliptical critic, `bent` the trained one; all in nats by InfoNCE in both directions.
    """

    start: Float[np.ndarray, " n"]
    bent: Float[np.ndarray, " n"]
    start_seen: float
    bent_seen: float
    ceiling: float


def infonce_terms(scores: Float[Tensor, "n n"]) -> Float[Tensor, " n"]:
    """InfoNCE terms averaged over both directions, x searching y and y searching x."""
    return 0.5 * (bounds.infonce(scores).terms + bounds.infonce(scores.T).terms)


def crossfit(
    x: Side, y: Side, degrees: float, seed: int, folds: int = 3, schedule: Schedule | None = None
) -> Held:
    """Elliptical critics trained on all folds but one and read on that one, for every fold."""
    n = len(x.base)
    order = np.random.default_rng(seed).permutation(n)
    start, bent = np.zeros(n), np.zeros(n)
    seen: list[tuple[float, float]] = []
    for fold, test in enumerate(np.array_split(order, folds)):
        rest = order[~np.isin(order, test)]
        critics = _trained(x, y, rest, degrees, seed + fold, schedule or Schedule())
        start[test], bent[test] = (_read(critic, x, y, test) for critic in critics)
        known = rest[len(rest) // 6 :][: len(test)]
        first, last = (float(_read(critic, x, y, known).mean()) for critic in critics)
        seen.append((first, last))
    known_start, known_bent = np.mean(seen, axis=0)
    return Held(start, bent, float(known_start), float(known_bent), float(np.log(n // folds)))


def _read(critic: nn.Module, x: Side, y: Side, rows: Array) -> Array:
    index = torch.as_tensor(rows)
    with torch.no_grad():
        return infonce_terms(critic(x.take(index), y.take(index)).double()).numpy()


def _trained(
    x: Side, y: Side, rows: Array, degrees: float, seed: int, schedule: Schedule
) -> tuple[nn.Module, nn.Module]:
    """The untrained and the trained critic; the first sixth of the rows decides when to stop."""
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

        train(critic, batch_loss, held_out, schedule)
    return start, critic


def train(
    critic: nn.Module, batch_loss: Callable[[], Tensor], held_out: Callable[[], float], schedule: Schedule
) -> None:
    """Minimise the loss; leave the critic where the held-out value was largest."""
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
