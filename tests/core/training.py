"""Training small enough for tests, on a corpus of a few hundred meanings."""

from pathlib import Path

from accelerate import Accelerator

from core.config import BatchSettings, ModelSettings, OptimizerSettings, Settings, TextSettings
from core.model.infoxlm import language_model
from core.objectives import build_model
from core.task_settings import ContrastSettings
from core.text.corpus import write_corpus
from core.text.encoded import EncodedCorpus, encode_corpus
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


def settings(
    steps=6, batch=None, dropout=0.0, mmlm=None, tlm=None, weam=None, dwa=None, **contrast
) -> Settings:
    return Settings(
        steps=steps,
        text=TextSettings(held_out=30),
        model=ModelSettings(layers=2, hidden=16, heads=2, feedforward=32, max_tokens=32, dropout=dropout),
        mmlm=mmlm or {},
        tlm=tlm or {},
        contrast=ContrastSettings(**{"layer": 1, "queue": 20, "mixup": False, **contrast}),
        weam=weam or {},
        dwa=dwa or {},
        optimizer=OptimizerSettings(learning_rate=1e-2, warmup=min(2, steps)),
        batch=BatchSettings(**{"examples": 8, **(batch or {})}),
    )


def training(text: Text, run_settings: Settings) -> Training:
    encoded, tokenizer = text
    sampler = Sampler(
        split(encoded, run_settings.text, run_settings.seed, True), run_settings.text, run_settings.seed
    )
    model = build_model(language_model(run_settings.model, tokenizer.size, run_settings.seed), run_settings)
    run = Training(run_settings, model, sampler, encoded, tokenizer.mask_id, Accelerator(cpu=True))
    for task in run.tasks.values():
        task.open_text(encoded, tokenizer.size)
        task.target_entropy_nats = task.target_entropy(encoded, sampler, tokenizer.size)
    return run


def losses(trainer: Training) -> list[dict[str, float]]:
    return [step.losses for step in train(trainer)]
