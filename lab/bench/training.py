"""Training steps beside peers: speed is measured in turns in this process, peak memory in a process per contender."""

import platform
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import torch

from core.progress import Progress, no_progress
from core.train import draw_micro_batches
from lab.bench.case import SHAPES, Case
from lab.bench.contenders import OURS, PEERS, contender
from lab.bench.drawing import drawing_rows
from lab.bench.flops import model_flops, peak_flops
from lab.bench.memory import peak_bytes
from lab.bench.text import prepare_text
from lab.bench.vocabulary import vocabulary_bench
from lab.evaluate.row import Row

Part = Literal["joint", "contrast", "growth", "vocabulary"]
MEBI: Final = 2**20
GROWTH: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "sentences per batch": ("examples", (16, 64, 256)),
    "the vocabulary": ("vocabulary", (16_000, 64_000, 250_002)),
    "the queue": ("queue", (4_096, 32_768, 262_144)),
}


@dataclass(frozen=True)
class TimedStep:
    """A timed step: its seconds, the tokens it read, and the operations that its losses need."""

    seconds: float
    tokens: int
    flops: float


def bench_training(
    parts: Sequence[Part],
    shapes: Sequence[str],
    corpus: Path | None = None,
    examples: int | None = None,
    repetitions: int = 5,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """The document of `lab bench`: rows, with the text, machine and time of measurement.

    Rows are {name, shape, peer, ours, theirs, ratio, unit}. Where steps are repeated, ours and theirs are medians,
    ratio is above 1 where ours is better, and low and high are the smallest and the largest ratio of two steps on
    the same text. On a GPU every contender computes in bfloat16 where autocast allows it, else in float32.

    Raises:
        InputError: the corpus cannot be read, or a step takes more memory than there is.
    """
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as scratch:
        text = Path(scratch) / "text"
        text_words = prepare_text(text, corpus)
        common: dict[str, Any] = {"text": text, "precision": "bf16" if gpu else "no"}
        rows: list[Row] = []
        for shape in shapes:
            size = SHAPES[shape] | ({} if examples is None else {"examples": examples})
            for part in ("joint", "contrast"):
                if part in parts:
                    case = Case(shape=shape, part=part, **size, **common)
                    rows += case_rows(case, PEERS[part], repetitions, progress)
        if "growth" in parts:
            rows += list(grown(common, repetitions, progress))
            rows += drawing_rows(Path(scratch), progress)
        if "vocabulary" in parts:
            rows += list(vocabulary_bench(repetitions, progress))
    return {
        "rows": rows,
        "text": text_words,
        "device": torch.cuda.get_device_name() if gpu else platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "precision": common["precision"],
        "versions": {"torch": torch.__version__, "python": platform.python_version()},
        "date": datetime.now(UTC).date().isoformat(),
    }


def case_rows(case: Case, peers: Sequence[str], repetitions: int, progress: Progress) -> list[Row]:
    """Rows of a case: examples and tokens per second, peak memory, and on a known GPU model FLOP utilisation."""
    # memory first: if it does not suffice, the error comes before minutes have gone into speed
    peaks = peaks_of(case, (OURS, *peers), progress)
    taken = interleaved(case, (OURS, *peers), repetitions, progress)
    settings = case.settings()
    examples = sum(map(settings.examples_of, settings.tasks))
    name, rows, most = f"{case.part} step", list[Row](), peak_flops()
    for peer in peers:
        base = {"shape": case.words, "peer": peer}
        for unit, done in (("examples/s", lambda timed: examples), ("tokens/s", lambda timed: timed.tokens)):
            rates = {who: [done(timed) / timed.seconds for timed in taken[who]] for who in (OURS, peer)}
            rows.append(base | {"name": name, "unit": unit} | speed(rates[OURS], rates[peer]))
        ours, theirs = peaks[OURS] / MEBI, peaks[peer] / MEBI
        rows.append(base | {"name": f"{name}, peak memory", "unit": "MiB"} | less(ours, theirs))
        if most is not None:
            used = {who: [timed.flops / timed.seconds / most for timed in taken[who]] for who in (OURS, peer)}
            rows.append(
                base
                | {"name": f"{name}, model FLOP utilisation", "unit": "share"}
                | speed(used[OURS], used[peer])
            )
    return rows


def grown(common: dict[str, Any], repetitions: int, progress: Progress) -> Iterator[Row]:
    """Rows of the joint step of the small shape as a single size grows, beside plain transformers."""
    size = SHAPES["small"] | {"examples": 16, "queue": 4_096}
    peer = PEERS["joint"][0]
    for axis, (field, values) in GROWTH.items():
        for value in values:
            case = Case(shape="small", **{**size, field: value}, **common)
            peaks = peaks_of(case, (OURS, peer), progress)
            taken = interleaved(case, (OURS, peer), repetitions, progress)
            base = {"shape": case.words, "peer": peer}
            seconds = [statistics.median(timed.seconds for timed in taken[who]) for who in (OURS, peer)]
            yield base | {"name": f"seconds a step as {axis} grows", "unit": "s"} | less(*seconds)
            sizes = [peaks[who] / MEBI for who in (OURS, peer)]
            yield base | {"name": f"peak memory as {axis} grows", "unit": "MiB"} | less(*sizes)


def interleaved(
    case: Case, names: Sequence[str], repetitions: int, progress: Progress
) -> dict[str, list[TimedStep]]:
    """Timed steps of all contenders in turns, each round on the same text, so that other load hits all alike.

    The first round warms up and is not counted.
    """
    settings = case.settings()
    training = case.training(settings)
    steps = {name: contender(name, training) for name in names}
    taken: dict[str, list[TimedStep]] = {name: [] for name in names}
    done = 0
    for step in range(1, repetitions + 2):
        sampler = training.sampler.state()
        (batches,) = draw_micro_batches(training, step)
        flops = model_flops(batches.values(), settings, case.vocabulary)
        tokens = sum(batch.tokens for batch in batches.values())
        for name in (*names[step % len(names) :], *names[: step % len(names)]):
            training.sampler.restore(sampler)
            _wait()
            began = time.perf_counter()
            steps[name](step)
            _wait()
            taken[name].append(TimedStep(time.perf_counter() - began, tokens, flops))
            done += 1
            progress(f"{case.part} {case.words}", done, (repetitions + 1) * len(names))
    return {name: rounds[1:] for name, rounds in taken.items()}


def peaks_of(case: Case, names: Sequence[str], progress: Progress) -> dict[str, int]:
    """Peak memory of each contender in bytes."""
    peaks: dict[str, int] = {}
    for name in names:
        peaks[name] = peak_bytes(case, name)
        progress(f"memory of {case.part} {case.words}", len(peaks), len(names))
    return peaks


def speed(ours: Sequence[float], theirs: Sequence[float]) -> Row:
    """Medians of a quantity that should be large, and the ratio ours / theirs."""
    ratios = [own_rate / their_rate for own_rate, their_rate in zip(ours, theirs, strict=True)]
    median, their_median = statistics.median(ours), statistics.median(theirs)
    return {
        "ours": median,
        "theirs": their_median,
        "ratio": median / their_median,
        "low": min(ratios),
        "high": max(ratios),
    }


def less(ours: float, theirs: float) -> Row:
    """A quantity that should be small, and the ratio theirs / ours."""
    return {"ours": ours, "theirs": theirs, "ratio": theirs / ours}


def _wait() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
