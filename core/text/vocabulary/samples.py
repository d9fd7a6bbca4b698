"""A sample of the lines of each language of a corpus, on the disk: whatever the corpus, memory holds a part of one."""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from core.text.corpus import Corpus

BUFFERED_LINES: Final = 2_000


def write_samples(corpus: Corpus, folder: Path, most: int, seed: int = 0) -> dict[str, Path]:
    """Writes about `most` lines of each language, drawn at random, or all that it has; a file for each."""
    shares = {tag: min(1.0, most / count) for tag, count in corpus.info.languages.items()}
    paths = {tag: folder / f"{number:04d}.jsonl" for number, tag in enumerate(corpus.languages)}
    rng, waiting = np.random.default_rng(seed), defaultdict[str, list[str]](list)
    for batch in corpus.batches(("language", "text")):
        tags, texts = batch.column("language").to_pylist(), batch.column("text")
        limits = np.array([shares[tag] for tag in tags])
        for place in np.flatnonzero(rng.random(len(tags)) < limits).tolist():
            waiting[tags[place]].append(json.dumps(texts[place].as_py()))
            if len(waiting[tags[place]]) >= BUFFERED_LINES:
                _append(paths[tags[place]], waiting.pop(tags[place]))
    for tag, path in paths.items():
        _append(path, waiting.pop(tag, []))
    return paths


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a sample."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _append(path: Path, lines: list[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
