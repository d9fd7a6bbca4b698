"""A training step to measure: the shape of the model, the batch, and the text."""

from pathlib import Path
from typing import Any, Final, Literal

import torch
from accelerate import Accelerator

from core.config import BatchSettings, Frozen, ModelSettings, Settings, TextSettings
from core.model.infoxlm import language_model
from core.objectives import build_model
from core.objectives.xlco import XLCO
from core.task_settings import ContrastSettings, MaskedSettings
from core.text.encoded import EncodedCorpus
from core.text.sampling import Sampler
from core.text.split import split
from core.train import Training

STEPS: Final = 1_000_000
SHAPES: Final[dict[str, dict[str, Any]]] = {
    "small": {"layers": 6, "hidden": 256, "heads": 4, "vocabulary": 16_000, "queue": 16_384, "examples": 256},
    "base": {"layers": 12, "hidden": 768, "heads": 12, "vocabulary": 250_002, "queue": 131_072, "examples": 40},
}  # fmt: skip
"""Shapes of the model and batches. The paper's batch has 2,048 examples of each task. At base shape a step has as many
examples as plain transformers holds in 16.2 GiB, at small shape an eighth of the paper's. More examples favour ours:
padding grows with the longest sentence, and costs that do not grow with the batch (optimizer, momentum copy, clipping)
weigh less."""


class Case(Frozen):
    """One training step: the shape of the model, the batch, and a folder of encoded text.

    Attributes:
        part: 'joint' is the step of MMLM, TLM and XLCO with the paper's settings, contrast two thirds up. 'contrast' is
            contrast alone, as sentence encoders are trained: mean of the last layer, cosine / 0.05, the batch as
            negatives.
    """

    shape: str
    layers: int
    hidden: int
    heads: int
    vocabulary: int
    queue: int
    examples: int
    text: Path
    part: Literal["joint", "contrast"] = "joint"
    precision: Literal["no", "bf16"] = "no"

    @property
    def words(self) -> str:
        """The case in words, for a table."""
        size = f"{self.shape}: {self.layers} x {self.hidden}, vocabulary {self.vocabulary:,}"
        if self.part == "contrast":
            return f"{size}, {self.examples} pairs"
        return f"{size}, queue {self.queue:,}, {self.examples} examples of each task"

    def settings(self, **contrast: Any) -> Settings:
        """The settings of a run that takes this step."""
        joint = self.part == "joint"
        defaults: dict[str, Any] = {
            "joint": {"layer": self.layers * 2 // 3, "queue": self.queue, "prefill": False},
            "contrast": {
                "layer": self.layers,
                "pooling": "mean",
                "head": False,
                "temperature": 0.05,
                "normalise": True,
                "keys": "query",
                "queue": 0,
                "in_batch": True,
                "mixup": False,
            },
        }[self.part]
        return Settings(
            steps=STEPS,
            precision=self.precision,
            text=TextSettings(pivot=None),
            model=ModelSettings(
                layers=self.layers, hidden=self.hidden, heads=self.heads, feedforward=4 * self.hidden
            ),
            mmlm=MaskedSettings(enabled=joint),
            tlm=MaskedSettings(enabled=joint),
            contrast=ContrastSettings(**{**defaults, **contrast}),
            batch=BatchSettings(examples=self.examples),
        )

    def training(self, settings: Settings) -> Training:
        """The state of training for this step, from random weights."""
        ids = EncodedCorpus(self.text)
        sampler = Sampler(split(ids, settings.text, settings.seed, True), settings.text, settings.seed)
        model = build_model(language_model(settings.model, self.vocabulary, settings.seed), settings)
        accelerator = Accelerator(mixed_precision=self.precision)
        training = Training(settings, model, sampler, ids, self.vocabulary - 1, accelerator)
        fill_queue(training)
        return training


def fill_queue(training: Training) -> None:
    """Fills the queue with the keys of a single batch, over and over, because as many different keys take hours."""
    before, contrast = training.sampler.state(), XLCO.of(training.model)
    (batch,) = training.batches(contrast, STEPS + 1)
    training.sampler.restore(before)
    with torch.no_grad():
        keys = contrast.keys(training.model, batch.keys)
    while contrast.queue.filled < contrast.queue.size:
        contrast.queue.push(keys, torch.full_like(batch.meanings, -1))
