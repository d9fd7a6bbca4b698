"""Information in a run's text, in nats: the ledger of its tasks, and estimates on its sentence vectors."""

from collections.abc import Sequence
from typing import Any

from core.errors import InputError
from core.progress import Progress, no_progress
from lab.evaluate.effort import Effort
from lab.evaluate.estimates import estimate_pairs
from lab.evaluate.ledger import LEDGER
from lab.evaluate.ledger.loaded_run import load_run
from lab.evaluate.ledger.rows import scores
from lab.evaluate.ledger.translations import chosen_pairs, unseen
from lab.evaluate.row import Row
from lab.evaluate.vectors import encode
from lab.store import Run


def information_of_run(
    run: Run, effort: Effort | None = None, progress: Progress = no_progress
) -> dict[str, Any]:
    """The ledger of a run, which is also stored in its folder.

    Args:
        run: with a checkpoint.
        effort: how much text is read; default: `Effort()`.
        progress: called with a phase, how much of it is done, and how much there is.

    Raises:
        InputError: no checkpoint yet, or the corpus is gone or has changed.
    """
    loaded, effort = load_run(run, progress), effort or Effort()
    rows = [row for task in LEDGER.values() for row in task.rows(loaded, effort)]
    document = {"run": run.name, "step": loaded.step, "rows": rows}
    run.write_document("information", document)
    run.write_scores("information", scores(rows))
    return document


def estimates_of_run(
    run: Run,
    method: str = "auto",
    layers: Sequence[int] | None = None,
    pairs: int = 4,
    meanings: int = 2_000,
    seed: int = 0,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """I(sentence vector; translation's vector) by layer and pair of languages, on meanings that did not train.

    Args:
        run: with a checkpoint.
        method: of `core.information.estimate`.
        layers: hidden states, 0 = embeddings; default: the one that retrieval reads.
        pairs: how many pairs of languages, drawn with the run's own probabilities.
        meanings: unseen ones from a world; other text has those that the run holds out.
        seed: of everything drawn here.
        progress: called with a phase, how much of it is done, and how much there is.

    Raises:
        InputError: no checkpoint, no translations, no such layer, or fewer than 100 meanings.
    """
    loaded = load_run(run, progress)
    if not loaded.pairs:
        raise InputError(f"run {run.name} has no translations to estimate information between")
    model, settings, top = loaded.model, loaded.model.settings, loaded.num_layers
    wanted = [loaded.evaluation_layer] if layers is None else sorted(set(layers))
    if not all(0 <= layer <= top for layer in wanted):
        raise InputError(f"expected layers from 0 to {top}, got {' '.join(map(str, wanted))}")
    drawn_pairs = [pair for pair in chosen_pairs(loaded.pairs, pairs, seed) if pair[0] < pair[1]]
    tags = sorted({tag for pair in drawn_pairs for tag in pair})
    texts = unseen(loaded, dict.fromkeys(tags, meanings), seed)
    vectors = {
        tag: encode(model, loaded.tokenizer, texts[tag][1], wanted, settings.measure.pooling) for tag in tags
    }
    rows: list[Row] = []
    for layer in wanted:
        for pair in drawn_pairs:
            truth = None if loaded.world is None else loaded.world.information_between(*pair)
            meant = {tag: (texts[tag][0], vectors[tag][layer]) for tag in pair}
            loaded.progress("estimating", len(rows), len(wanted) * len(drawn_pairs))
            rows += estimate_pairs(meant, layer, method, seed, [pair], truth)
    loaded.progress("estimating", len(rows), len(rows))
    document = {"run": run.name, "step": loaded.step, "rows": rows}
    run.write_document("estimates", document)
    return document
