"""Disturbances one after the other, counted by kind."""

import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import InputError
from lab.store import Run
from tests.chaos.case import Case, Violation, World, check
from tests.chaos.disturbances import DISTURBANCES, Disturbance
from tests.chaos.outcome import finished, numbers_of
from tests.forks import Forks
from tests.real_shape import real_shape_corpus


@dataclass
class Tally:
    """A line of the table: how often a disturbance was tried, what happened, and what must not have."""

    times: int = 0
    events: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def carry_out(world: World, disturbance: Disturbance, seed: str, row: Tally) -> None:
    """Disturbs a run once, lets it go on to its end, and compares."""
    folder = world.top / "case"
    folder.mkdir()
    case = Case(world, folder / "runs", random.Random(seed))
    row.times += 1
    try:
        disturbance(case)
        case.world.go_on(case.runs)
        finished(world, case.run)
    except (Violation, InputError) as error:
        row.violations.append(f"{seed}: {error}")
        copy = world.top / f"violation-{len(row.violations)}-{disturbance.__name__}"
        shutil.copytree(folder, copy, symlinks=True, ignore_dangling_symlinks=True)
    finally:
        for event, count in case.events.items():
            row.events[event] = row.events.get(event, 0) + count
        shutil.rmtree(folder)


def chaos(
    times: int, seed: int, top: Path, say: Callable[[str], None] = lambda line: None
) -> dict[str, Tally]:
    """Disturbs `times` runs, all kinds in turn, and returns a row for each kind."""
    with Forks(top) as forks:
        world = World(top, forks, top / "corpus")
        real_shape_corpus(world.corpus, 0.01)
        undisturbed = world.begin(top / "undisturbed")
        check(undisturbed.wait() == 0, undisturbed.said)
        world.expected = numbers_of(Run("r", top / "undisturbed" / "r"))
        rows = {each.__name__: Tally() for each in DISTURBANCES}
        for number, disturbance in enumerate(drawn(times, seed)):
            carry_out(world, disturbance, f"{seed}-{number}", rows[disturbance.__name__])
            say(
                f"{number + 1}/{times} {disturbance.__name__}: {len(rows[disturbance.__name__].violations)} violations"
            )
    return rows


def drawn(times: int, seed: int) -> list[Disturbance]:
    """Disturbances, all kinds once before any comes again."""
    chance = random.Random(seed)
    rounds = -(-times // len(DISTURBANCES))
    kinds = [each for _ in range(rounds) for each in chance.sample(DISTURBANCES, len(DISTURBANCES))]
    return kinds[:times]


def table(rows: dict[str, Tally]) -> str:
    """The table of `docs/reliability.md`."""
    lines = ["| disturbance | times | what happened | violations |", "|---|---|---|---|"]
    for disturbance in DISTURBANCES:
        row = rows[disturbance.__name__]
        events = "; ".join(f"{event}: {count}" for event, count in sorted(row.events.items()))
        lines.append(f"| {disturbance.__doc__} | {row.times} | {events} | {len(row.violations)} |")
    total = sum(row.times for row in rows.values())
    lines.append(f"| all | {total} | | {sum(len(row.violations) for row in rows.values())} |")
    return "\n".join(lines)
