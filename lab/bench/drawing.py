"""Cost of drawing a step and building its batch, on corpora of ten thousand to ten million sentences.

`python -m lab.bench.drawing TEXT` measures one encoded corpus in a process of its own.
"""

import json
import shutil
import statistics
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np

from core.model.infoxlm import language_model
from core.objectives import build_model, tasks_of
from core.progress import Progress
from core.text.arrays import mapped
from core.text.batches import RowReader
from core.text.encoded import EncodedCorpus
from core.text.indexing import write_index
from core.text.sampling import Pairs, Sampler, Sentences
from core.text.split import split
from lab.bench.case import SHAPES, Case
from lab.bench.text import VOCABULARY, synthetic_text

T = TypeVar("T")
CORPORA: Final = ((4, 10_000), (4, 100_000), (4, 1_000_000), (4, 10_000_000), (100, 100_000))
"""Languages and sentences; a hundred languages make 4,950 pairs."""
EXAMPLES: Final = 2_048
"""Examples of each task in a step (paper)."""
STEPS: Final = 20
MEASURED: Final = {
    "indexing a corpus, once": "s",
    "indexing a corpus, once: peak memory": "MiB",
    "opening a corpus": "s",
    "opening a corpus: peak memory": "MiB",
    "keeping a corpus open: memory": "MiB",
    "drawing the sentences of a step": "ms",
    "drawing and building a batch": "ms",
}


def drawing_rows(scratch: Path, progress: Progress) -> list[dict[str, Any]]:
    """Rows without a peer: CPU time to index, open, draw and build, and MiB of a corpus beyond its files."""
    rows: list[dict[str, Any]] = []
    for done, (languages, sentences) in enumerate(CORPORA, start=1):
        text = scratch / f"text-{languages}-{sentences}"
        synthetic_text(text, sentences, languages=tuple(f"l{number:02}" for number in range(languages)))
        command = [sys.executable, "-m", "lab.bench.drawing", str(text)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        values = json.loads(ran.stdout)
        shutil.rmtree(text)
        shape = f"{languages} languages, {sentences:,} sentences"
        base = {"shape": shape, "peer": None, "theirs": None, "ratio": None}
        rows += [base | {"name": name, "ours": values[name], "unit": unit} for name, unit in MEASURED.items()]
        progress("drawing from a corpus", done, len(CORPORA))
    return rows


def measure_drawing(text: Path) -> dict[str, float]:
    """The values of `MEASURED`; memory is allocated memory, without the pages of mapped files."""
    settings = Case(shape="small", **SHAPES["small"], text=text).settings()

    def open_text() -> tuple[EncodedCorpus, Sampler]:
        ids = EncodedCorpus(text)
        return ids, Sampler(split(ids, settings.text, settings.seed, True), settings.text, settings.seed)

    def index() -> None:
        whole = EncodedCorpus(text)
        shutil.rmtree(text / "index")
        write_index(text / "index", whole.meaning, whole.language, len(whole.languages), hashes)
        open_text()

    # the hashes of texts that all differ
    distinct = np.random.default_rng(0).integers(2**64, size=len(EncodedCorpus(text)), dtype=np.uint64)
    distinct.tofile(text / "hashes.bin")
    hashes = mapped(text / "hashes.bin", np.uint64)

    _, indexing, indexing_peak, _ = _taken(index)
    (ids, sampler), opening, opening_peak, held = _taken(open_text)
    reader = RowReader(ids, settings.model.max_tokens, VOCABULARY - 1)
    # as MMLM, TLM and XLCO read
    kinds = (Sentences(), Pairs(in_one_input=True), Pairs(joined=2, mix_languages=True))
    drawing = _milliseconds(
        lambda step: [sampler.draw_rows(step, stream, reads, EXAMPLES) for stream, reads in enumerate(kinds)]
    )
    tasks = tasks_of(
        build_model(language_model(settings.model, VOCABULARY, settings.seed), settings)
    ).values()
    building = _milliseconds(
        lambda step: [
            task.draw_batches(step, sampler, reader, settings.examples_of(task.section)) for task in tasks
        ]
    )
    values = (indexing, indexing_peak, opening, opening_peak, held, drawing, building)
    return dict(zip(MEASURED, values, strict=True))


def _milliseconds(act: Callable[[int], object]) -> float:
    """The median CPU time of an act over steps."""
    taken = list[float]()
    for step in range(1, STEPS + 1):
        began = time.process_time()
        act(step)
        taken.append(1_000 * (time.process_time() - began))
    return statistics.median(taken)


def _taken(act: Callable[[], T]) -> tuple[T, float, float, float]:
    """The result of an act, its CPU seconds, its peak of allocated MiB, and the allocated MiB at its end."""
    tracemalloc.start()
    began = time.process_time()
    returned = act()
    seconds = time.process_time() - began
    held, peak = (value / 2**20 for value in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    return returned, seconds, peak, held


if __name__ == "__main__":
    print(json.dumps(measure_drawing(Path(sys.argv[1]))))
