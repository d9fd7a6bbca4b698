"""Models, gradients and batches of the claims."""

import os

import pytest
import torch
from transformers import XLMRobertaForMaskedLM

from core.config import ModelSettings, Settings
from core.model.infoxlm import InfoXLM, language_model
from core.objectives import build_model
from core.objectives.xlco import XLCO
from core.text.batches import Sequences
from core.text.sampling import Sampler
from core.text.split import split
from core.train import train
from lab.recipes import recipe
from tests.core.drawing import Builder
from tests.core.training import training


def weights(variable: str) -> str:
    """The checkpoint that an environment variable names; the test is skipped where there is none."""
    if variable not in os.environ:
        pytest.skip(f"needs released weights: set {variable} to a folder with them in safetensors")
    return os.environ[variable]


def tall(layers: int, **contrast) -> InfoXLM:
    """A narrow model with the layers of XLM-R base or large, contrasted as published."""
    run_settings = Settings(
        model=ModelSettings(layers=layers, hidden=16, heads=2, feedforward=32, max_tokens=32),
        contrast=recipe("infoxlm-base" if layers == 12 else "infoxlm-large").contrast.model_copy(
            update={"queue": 8, "prefill": False, **contrast}
        ),
    )
    language = language_model(run_settings.model, 40, 1)
    with torch.no_grad():
        # fresh matrices of 16 x 16 change a state too little to tell layers apart
        for parameter in language.roberta.encoder.parameters():
            parameter.mul_(10 if parameter.dim() > 1 else 1)
    return build_model(language, run_settings)


def plain_transformers(model: XLMRobertaForMaskedLM) -> XLMRobertaForMaskedLM:
    """The same weights with transformers' own attention."""
    config = type(model.config).from_dict(model.config.to_dict())
    config._attn_implementation = "eager"
    theirs = XLMRobertaForMaskedLM(config)
    theirs.load_state_dict(model.state_dict())
    return theirs.eval()


def padded(batch: Sequences) -> torch.Tensor:
    rows = list(batch.ids.split(batch.lengths.tolist()))
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1)


def filled(infoxlm: InfoXLM, count=8) -> InfoXLM:
    generator = torch.Generator().manual_seed(9)
    XLCO.of(infoxlm).queue.push(torch.randn(count, 16, generator=generator), torch.arange(100, 100 + count))
    return infoxlm


def first_gradients(text, run_settings: Settings) -> tuple[dict[str, torch.Tensor], dict[str, int]]:
    """The gradients that the optimizer is given at step 1, and what was counted; nothing is clipped."""
    optimizer = run_settings.optimizer.model_copy(update={"clip": 1e9})
    trainer, gradients = training(text, run_settings.model_copy(update={"optimizer": optimizer})), {}
    trainer.optimizer.register_step_pre_hook(
        lambda *_: gradients.update(
            {n: p.grad.clone() for n, p in trainer.model.trained() if p.grad is not None}
        )
    )
    return gradients, next(train(trainer)).counts


def batches(text, run_settings: Settings) -> tuple[Sampler, Builder]:
    encoded, tokenizer = text
    sampler = Sampler(
        split(encoded, run_settings.text, run_settings.seed, True), run_settings.text, run_settings.seed
    )
    return sampler, Builder(encoded, run_settings, tokenizer.mask_id)
