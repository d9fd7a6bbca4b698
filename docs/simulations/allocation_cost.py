"""Seconds and memory of `lab vocabulary --allocate` on invented languages: the run that docs/benchmarks.md reports.

python docs/simulations/allocation_cost.py FOLDER [LANGUAGES] [LINES] [PROCESSES]
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil

from core.text.corpus import write_corpus

WORDS, LETTERS, MOST_WORDS, LINES_AT_ONCE = 30_000, 24, 24, 10_000
SCRIPTS = (0x61, 0x3B1, 0x430, 0x561, 0x5D0, 0x627, 0x905, 0xE01, 0x10D0, 0x1200)
"""First letters of the scripts that languages write; ten languages share each."""
POLL_SECONDS = 0.5


def lexicon(number: int) -> list[str]:
    """Words of a language out of stems and endings; a third of the stems are those of all languages of its script."""
    first, own = SCRIPTS[number % len(SCRIPTS)], np.random.default_rng([1, number])
    shared = np.random.default_rng([2, number % len(SCRIPTS)])

    def parts(rng: np.random.Generator, count: int, shortest: int, longest: int) -> list[str]:
        letters = first + (LETTERS * rng.random((count, longest)) ** 2).astype(int)
        lengths = rng.integers(shortest, longest + 1, count)
        return ["".join(map(chr, row[:length])) for row, length in zip(letters, lengths, strict=True)]

    stems = parts(shared, 1_000, 2, 6) + parts(own, 2_000, 2, 6)
    endings = ["", *parts(own, 60, 1, 3)]
    pairs = zip(own.integers(len(stems), size=WORDS), own.integers(len(endings), size=WORDS), strict=True)
    return [stems[stem] + endings[ending] for stem, ending in pairs]


def rows(languages: int, lines: int) -> Iterator[tuple[int, str, str]]:
    """`lines` sentences in all, as many of each language, of 6 to 24 words by Zipf's law."""
    share = 1 / np.arange(1, WORDS + 1)
    ends = np.cumsum(share / share.sum())
    meaning = 0
    for number in range(languages):
        words, rng = lexicon(number), np.random.default_rng([3, number])
        tag = f"q{chr(97 + number // 26)}{chr(97 + number % 26)}"
        for begin in range(0, lines // languages, LINES_AT_ONCE):
            count = min(LINES_AT_ONCE, lines // languages - begin)
            drawn = np.searchsorted(ends, rng.random((count, MOST_WORDS))).clip(max=WORDS - 1).tolist()
            for row, length in zip(drawn, rng.integers(6, MOST_WORDS + 1, count).tolist(), strict=True):
                yield meaning, tag, " ".join([words[rank] for rank in row[:length]])
                meaning += 1


def memory(process: psutil.Process) -> int:
    """Bytes of a process and those that it began; pages that several share count in parts (PSS)."""
    total = 0
    for each in (process, *process.children(recursive=True)):
        try:
            total += each.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            # it ended between the two calls, and holds nothing
            continue
    return total


folder = Path(sys.argv[1])
languages, lines, processes = (int(word) for word in [*sys.argv[2:], "100", "1000000", "2"][:3])
corpus, out = folder / f"invented-{languages}-{lines}", folder / "allocated"
if not corpus.exists():
    write_corpus(rows(languages, lines), corpus)
command = [sys.executable, "-m", "lab", "vocabulary", "--allocate", "--corpus", corpus, "--out", out, "--overwrite",
           "--size", 250_000, "--step", 100, "--sentences", lines, "--processes", processes, "--json"]  # fmt: skip
before, began, peak = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0
with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as running:
    while running.poll() is None:
        peak = max(peak, memory(psutil.Process(running.pid)))
        time.sleep(POLL_SECONDS)
after = resource.getrusage(resource.RUSAGE_CHILDREN)
seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
print(f"exit {running.returncode}; {os.getloadavg()[0]:.1f} processes on average in the last minute")
print(f"{time.monotonic() - began:,.0f} s wall, {seconds:,.0f} s CPU, {peak / 2**20:,.0f} MiB at most")
