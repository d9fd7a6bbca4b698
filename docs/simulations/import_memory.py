"""Seconds and memory of `lab corpus import` by the number of pairs: prints the table of docs/benchmarks.md.

python docs/simulations/import_memory.py FOLDER PAIRS...
"""

import resource
import subprocess
import sys
from pathlib import Path

import numpy as np

VOCABULARY = 30_000
PAIRS_AT_ONCE = 50_000
MOST_WORDS = 12


def words(rng: np.random.Generator) -> list[str]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    return ["".join(rng.choice(letters, rng.integers(2, 10))) for _ in range(VOCABULARY)]


def write_text(path: Path, pairs: int, rng: np.random.Generator, accent: str) -> None:
    """Lines of 4 to 12 words, frequent and rare ones."""
    vocabulary = [word.replace("e", accent) for word in words(rng)]
    with path.open("w", encoding="utf-8") as file:
        for begin in range(0, pairs, PAIRS_AT_ONCE):
            count = min(PAIRS_AT_ONCE, pairs - begin)
            ranks = (VOCABULARY * rng.random((count, MOST_WORDS)) ** 2).astype(int).tolist()
            lengths = rng.integers(4, MOST_WORDS + 1, count).tolist()
            file.writelines(
                " ".join([vocabulary[rank] for rank in row[:length]]) + "\n"
                for row, length in zip(ranks, lengths, strict=True)
            )


folder = Path(sys.argv[1])
for pairs in map(int, sys.argv[2:]):
    files = [folder / f"{pairs}.{tag}" for tag in ("en", "fr")]
    rng = np.random.default_rng(0)
    for file, accent in zip(files, "eé", strict=True):
        write_text(file, pairs, rng, accent)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "lab", "corpus", "import", *map(str, files)]
    subprocess.run([*command, "--out", str(folder / f"corpus-{pairs}"), "--json"], check=True)
    # the peak is that of the largest child so far: name the numbers of pairs in ascending order
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"| {pairs:,} | {seconds:,.0f} | {after.ru_maxrss / 1024:,.0f} |", flush=True)
