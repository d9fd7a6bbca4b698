"""What a step costs before the model sees it, on corpora of ten thousand to ten million sentences.

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

from core.text.batches import Batches
from core.text.encoded import EncodedCorpus
from core.text.indexing import write_index
from core.text.sampling import Sampler
from core.text.split import split
from lab.bench.case import SHAPES, Case
from lab.bench.text import VOCABULARY, synthetic_text

T = TypeVar("T")
SENTENCES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
STEPS: Final = 20
MEASURED: Final = {
    "indexing a corpus, once": "s",
    "indexing a corpus, once: peak memory": "MiB",
    "opening a corpus": "s",
    "opening a corpus: peak memory": "MiB",
    "keeping a corpus open: memory": "MiB",
    "drawing a batch": "ms",
}


def drawing_rows(scratch: Path, progress: Callable[[str, int, int], None]) -> list[dict[str, Any]]:
    """Rows without a peer: milliseconds to draw and build a batch, MiB that the corpus takes beyond its files."""
    rows: list[dict[str, Any]] = []
    for done, sentences in enumerate(SENTENCES, start=1):
        text = scratch / f"text-{sentences}"
        synthetic_text(text, sentences)
        command = [sys.executable, "-m", "lab.bench.drawing", str(text)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(ran.stdout)
        shutil.rmtree(text)
        base = {"shape": f"{sentences:,} sentences", "peer": None, "theirs": None, "ratio": None}
        rows += [base | {"name": name, "ours": found[name], "unit": unit} for name, unit in MEASURED.items()]
        progress("drawing from a corpus", done, len(SENTENCES))
    return rows


def measure(text: Path) -> dict[str, float]:
    """The values of `MEASURED`; memory is what was allocated, without the pages of mapped files."""
    settings = Case(shape="small", **SHAPES["small"], text=text).settings()

    def open_text() -> tuple[EncodedCorpus, Sampler]:
        ids = EncodedCorpus(text)
        return ids, Sampler(split(ids, settings.text, settings.seed, True), settings.text, settings.seed)

    def index() -> None:
        whole = EncodedCorpus(text)
        shutil.rmtree(text / "index")
        write_index(text / "index", whole.meaning, whole.language, len(whole.languages))
        open_text()

    _, indexing, indexing_peak, _ = _taken(index)
    (ids, sampler), opening, opening_peak, kept = _taken(open_text)
    batches, drawing = Batches(ids, settings, VOCABULARY - 1), list[float]()
    for step in range(1, STEPS + 1):
        began = time.perf_counter()
        batches.build(step, sampler.draw(step, *settings.examples, 2))
        drawing.append(1_000 * (time.perf_counter() - began))
    values = (indexing, indexing_peak, opening, opening_peak, kept, statistics.median(drawing))
    return dict(zip(MEASURED, values, strict=True))


def _taken(act: Callable[[], T]) -> tuple[T, float, float, float]:
    """What an act returns, its seconds, and the MiB allocated at most meanwhile and at its end."""
    tracemalloc.start()
    began = time.perf_counter()
    returned = act()
    seconds = time.perf_counter() - began
    kept, peak = (value / 2**20 for value in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    return returned, seconds, peak, kept


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
