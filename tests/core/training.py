"""Training small enough for tests, on a corpus of a few hundred meanings."""

from pathlib import Path

from accelerate import Accelerator

from core.config import (
    BatchSettings,
    ContrastSettings,
    ModelSettings,
    OptimizerSettings,
    Settings,
    TextSettings,
)
from core.model.infoxlm import InfoXLM, language_model
from core.text.batches import Batches
from core.text.corpus import write_corpus
from core.text.encoded import EncodedCorpus, encode_corpus
from core.text.entropy import token_entropies
from core.text.sampling import Sampler
from core.text.split import split
from core.text.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from core.train import Training, train
from tests.core.text.conftest import sentences

Text = tuple[EncodedCorpus, Tokenizer]


def write_text(folder: Path, rows=None) -> Text:
    corpus = write_corpus(rows or sentences(300), folder / "c")
    tokenizer = train_tokenizer((row.text for row in corpus.rows()), 80)
    tokenizer.save(folder)
    return encode_corpus(corpus, tokenizer, folder / "e", 32), tokenizer


def open_text(folder: Path) -> Text:
    """What `write_text` has left there."""
    return EncodedCorpus(folder / "e"), load_tokenizer(folder)


def settings(steps=6, batch=None, dropout=0.0, mmlm=None, tlm=None, **contrast) -> Settings:
    return Settings(
        steps=steps,
        text=TextSettings(held_out=30),
        model=ModelSettings(layers=2, hidden=16, heads=2, feedforward=32, max_tokens=32, dropout=dropout),
        mmlm=mmlm or {},
        tlm=tlm or {},
        contrast=ContrastSettings(**{"layer": 1, "queue": 20, "mixup": False, **contrast}),
        optimizer=OptimizerSettings(learning_rate=1e-2, warmup=min(2, steps)),
        batch=BatchSettings(**{"examples": 8, **(batch or {})}),
    )


def training(text: Text, chosen: Settings) -> Training:
    encoded, tokenizer = text
    sampler = Sampler(split(encoded, chosen.text, chosen.seed, True), chosen.text, chosen.seed)
    model = InfoXLM(language_model(chosen.model, tokenizer.size, chosen.seed), chosen)
    entropies = token_entropies(encoded, sampler, tokenizer.size)
    return Training(
        chosen, model, sampler, Batches(encoded, chosen, tokenizer.mask_id), entropies, Accelerator(cpu=True)
    )


def losses(made: Training) -> list[dict[str, float]]:
    return [step.losses for step in train(made)]
