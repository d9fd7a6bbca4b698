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
from typing import Any, Final

from core.text.batches import Batches
from core.text.encoded import EncodedCorpus
from core.text.sampling import Sampler, split
from lab.bench.case import SHAPES, Case
from lab.bench.text import VOCABULARY, synthetic_text

SENTENCES: Final = (10_000, 100_000, 1_000_000, 10_000_000)
STEPS: Final = 20


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
        rows.append(base | {"name": "opening a corpus", "ours": found["opening"], "unit": "s"})
        rows.append(base | {"name": "opening a corpus, peak memory", "ours": found["peak"], "unit": "MiB"})
        rows.append(base | {"name": "keeping a corpus open, memory", "ours": found["kept"], "unit": "MiB"})
        rows.append(base | {"name": "drawing a batch", "ours": found["drawing"], "unit": "ms"})
        progress("drawing from a corpus", done, len(SENTENCES))
    return rows


def measure(text: Path) -> dict[str, float]:
    """Seconds and allocated MiB to index a corpus, MiB that stay, milliseconds to draw and build a joint batch."""
    settings = Case(shape="small", **SHAPES["small"], text=text).settings()
    tracemalloc.start()
    began = time.perf_counter()
    ids = EncodedCorpus(text)
    sampler = Sampler(split(ids, settings.text, settings.seed, True), settings.text, settings.seed)
    opening = time.perf_counter() - began
    kept, peak = (value / 2**20 for value in tracemalloc.get_traced_memory())
    tracemalloc.stop()
    batches, taken = Batches(ids, settings, VOCABULARY - 1), list[float]()
    for step in range(1, STEPS + 1):
        began = time.perf_counter()
        batches.build(step, sampler.draw(step, *settings.examples, 2))
        taken.append(1_000 * (time.perf_counter() - began))
    return {"opening": opening, "peak": peak, "kept": kept, "drawing": statistics.median(taken)}


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]))))
