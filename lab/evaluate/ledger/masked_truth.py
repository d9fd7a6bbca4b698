"""The truth of MMLM and TLM for the text of a run: what a reader reaches who knows the world that wrote it."""

import hashlib
import json
import math
from dataclasses import asdict

from lab import store
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.masked_text import language_distribution
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.world.ideal import IdealReader
from lab.world.truth import RATE, ExactInformation, pair_truths, truth

FORMAT = 2
"""Version of the truths that are stored with runs; truths of another version are computed again."""


def masked_tasks(loaded: LoadedRun) -> list[str]:
    """Keys of the masked rows that the text allows.

    Where there are translations, MMLM reads the sentences of TLM with TLM's masks, so that their difference is one of
    the same tokens. Where pairs see languages in other proportions than sentences do, MMLM is also measured as
    `MMLM_OWN`.
    """
    if not loaded.pairs:
        return ["mmlm"]
    of_sentences, of_pairs = (language_distribution(loaded, task) for task in (MMLM_OWN, "mmlm"))
    same = of_sentences.keys() == of_pairs.keys() and all(
        math.isclose(of_sentences[tag], of_pairs[tag], abs_tol=1e-9) for tag in of_sentences
    )
    return ["mmlm", "tlm", ADDED] if same else ["mmlm", "tlm", ADDED, MMLM_OWN]


def masked_truths(loaded: LoadedRun, sentences: int, seed: int = 0) -> dict[str, ExactInformation]:
    """Truth of each of `masked_tasks`; empty for real text.

    Computed once for all runs that read the same text in the same proportions, and stored in each run's folder.
    """
    world, run = loaded.world, loaded.run
    if world is None:
        return {}
    tasks = masked_tasks(loaded)
    key = [FORMAT, world.digest, loaded.tokenizer.digest, tasks, sentences, RATE, seed]
    stored = run.document("truth")
    if stored is None or stored["key"] != key:
        distributions = [sorted(language_distribution(loaded, task).items()) for task in tasks]
        digest = hashlib.sha256(json.dumps([key, distributions]).encode()).hexdigest()[:16]
        shared = store.cache_folder() / f"truth-{digest}.json"
        if not shared.is_file():
            loaded.progress("computing the truth, once per text", 0, 1)
            exact = _truths(loaded, IdealReader(world, loaded.tokenizer), sentences, seed)
            document = {"key": key, "tasks": {task: asdict(exact[task]) for task in tasks}}
            store.replace(shared, json.dumps(document).encode())
            loaded.progress("computing the truth, once per text", 1, 1)
        stored = json.loads(shared.read_bytes())
        run.write_document("truth", stored)
    return {task: ExactInformation(**values) for task, values in stored["tasks"].items()}


def _truths(loaded: LoadedRun, reader: IdealReader, sentences: int, seed: int) -> dict[str, ExactInformation]:
    alone = truth(reader, language_distribution(loaded, MMLM_OWN), sentences, RATE, seed)
    if not loaded.pairs:
        return {"mmlm": alone}
    mmlm, tlm, added = pair_truths(reader, loaded.pairs, sentences, RATE, seed)
    return {"mmlm": mmlm, "tlm": tlm, ADDED: added, MMLM_OWN: alone}
