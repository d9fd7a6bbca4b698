"""What a model says of whole sentences, in units for studies that compare tokenizers.

Nats per token do not compare across tokenizers: whoever cuts finer has more and easier tokens. Nats per sentence do,
and where languages tell the same meanings, so do languages. The nats of all tokens of a sentence, each told from the
others as far as 15 % of them are hidden, are those of its hidden tokens divided by their share.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from core.objectives.mmlm import MMLM
from core.objectives.tlm import TLM
from lab.evaluate.effort import StudyProtocol
from lab.evaluate.ledger.loaded_run import LoadedRun
from lab.evaluate.ledger.masked import cross_entropies, cross_entropies_apart
from lab.evaluate.ledger.masked_text import Example
from lab.evaluate.units import units
from lab.world.truth import RATE, mask


def vocabulary_units(loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
    """Nats per sentence of MMLM and TLM by meaning, of a run whose tokenizer is a unigram model.

    Runs with another tokenizer are not compared by tokenizer, and their studies stay as they are.
    """
    settings = loaded.run.info.settings
    if settings.tokenizer.trained_as != "unigram" or not loaded.pairs:
        return
    examples = _pairs(loaded, protocol.sentences, settings.seed)
    for task, read in ((MMLM, cross_entropies_apart), (TLM, cross_entropies)):
        if task.section not in settings.tasks:
            continue
        sums, _ = read(loaded, examples, task.key)
        meanings, at = np.unique([example.meaning for example in examples], return_inverse=True)
        sentences = np.bincount(at, [len(example.whole) for example in examples])
        yield units(f"{task.key}_meaning", meanings, np.bincount(at, sums / RATE), sentences)


def _pairs(loaded: LoadedRun, count: int, seed: int) -> list[Example]:
    """Held-out pairs with hidden tokens; all tokenizers read the same pairs, since those are drawn before the masks."""
    rng, masks = (np.random.default_rng([seed, stream]) for stream in (0, 1))
    texts = {
        str(tag): dict(zip(part["meaning"], part["text"], strict=True))
        for tag, part in loaded.run.held_out().groupby("language")
    }
    common = {
        tags: sorted(set.intersection(*(set(texts.get(tag, {})) for tag in tags))) for tags in loaded.pairs
    }
    usable = [tags for tags in loaded.pairs if common[tags]]
    shares = np.array([loaded.pairs[tags] for tags in usable])
    drawn = [usable[choice] for choice in rng.choice(len(usable), count, p=shares / shares.sum())]
    meanings = [common[tags][int(rng.integers(len(common[tags])))] for tags in drawn]
    encode, mask_id = loaded.tokenizer.encode, loaded.tokenizer.mask_id
    examples = list[Example]()
    for tags, meaning in zip(drawn, meanings, strict=True):
        whole = encode([texts[tag][meaning] for tag in tags], loaded.model.settings.model.max_tokens // 2)
        examples.append(Example(int(meaning), tags, whole, mask(whole, mask_id, RATE, masks)))
    return examples
