"""Recipes: a named run is a function that returns settings."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from core.config import (
    BatchSettings,
    MeasureSettings,
    ModelSettings,
    OptimizerSettings,
    Settings,
    TextSettings,
    TokenizerSettings,
    WorldSettings,
)
from core.errors import unknown
from core.task_settings import ContrastSettings, MaskedSettings

FIFTEEN: Final = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
"""Languages of the built-in world that `toy` reads, whatever others are added."""
Changes = Mapping[str, Any]
"""Settings by name, nested as they are: `{"contrast": {"queue": 512}}`."""


def toy() -> Settings:
    """The built-in world on a laptop: fifteen languages fold onto each other in about two minutes."""
    return Settings(
        recipe="toy",
        steps=900,
        world=WorldSettings(languages=FIFTEEN, meanings=12_000),
        text=TextSettings(held_out=500),
        # about one token per word in all fifteen languages
        tokenizer=TokenizerSettings(vocabulary=6_000),
        model=ModelSettings(layers=2, hidden=64, heads=2, feedforward=64, max_tokens=64, embedding_std=0.05),
        # with the weight of TLM, MMLM teaches to read the own sentence only, and TLM never looks at the translation
        mmlm=_often_masked(examples=48, weight=0.15),
        tlm=_often_masked(examples=192),
        contrast=_contrast(layer=1, examples=64),
        optimizer=OptimizerSettings(learning_rate=0.012, warmup=100, clip=2.0),
        measure=MeasureSettings(
            snapshot_every=50, checkpoint_every=150, snapshot_meanings=16, retrieval_meanings=100
        ),
    )


def _often_masked(examples: int, weight: float = 1.0) -> MaskedSettings:
    """Masking of twice as many tokens as in the paper, all shown as `<mask>`."""
    return MaskedSettings(examples=examples, weight=weight, rate=0.3, mask_share=1.0, random_share=0.0)


def small() -> Settings:
    """Six layers of 256 for tens of thousands of sentence pairs: half an hour on two cores."""
    return Settings(
        recipe="small",
        steps=1_600,
        text=TextSettings(held_out=1_000, pivot=None),
        tokenizer=TokenizerSettings(vocabulary=8_000),
        model=ModelSettings(
            layers=6, hidden=256, heads=4, feedforward=1024, max_tokens=128, embedding_std=0.05
        ),
        mmlm=_often_masked(examples=16, weight=0.15),
        tlm=_often_masked(examples=64),
        contrast=_contrast(layer=2, examples=128),
        optimizer=OptimizerSettings(learning_rate=2e-3, warmup=100),
        measure=MeasureSettings(snapshot_every=50, checkpoint_every=100, retrieval_meanings=500),
    )


def _contrast(layer: int, examples: int) -> ContrastSettings:
    """Contrast that aligns within minutes: both sides learn, and the negatives come from the batch.

    Without a head, the contrasted vectors are the vectors that retrieval and the maps read.
    """
    return ContrastSettings(
        layer=layer,
        examples=examples,
        pooling="mean",
        head=False,
        keys="query",
        queue=0,
        in_batch=True,
        normalise=True,
        temperature=0.1,
        directions="both",
        mixup=False,
        prefill=False,
    )


def infoxlm_base() -> Settings:
    """InfoXLM base as it was released; start from XLM-R with --model.start FacebookAI/xlm-roberta-base.

    The settings of the paper are `--steps 150000 --batch.reduction mean --contrast.momentum-precision float32
    --contrast.no-mask-inputs --contrast.mixup-languages other`. This recipe differs from the released code in two
    points: it uses bfloat16 instead of float16, and MMLM reads sentences instead of blocks of 510 tokens, so fewer
    masked tokens stand beside each pair.
    """
    return Settings(
        recipe="infoxlm-base",
        steps=200_000,
        precision="bf16",
        tokenizer=TokenizerSettings(vocabulary=250_002),
        mmlm=MaskedSettings(mask_special=True),
        tlm=MaskedSettings(mask_special=True),
        contrast=ContrastSettings(momentum_precision="float16", mask_inputs=True, exclude_same_meaning=False),
        batch=BatchSettings(accumulate=16, reduction="token-sum"),
        # hidden state 7, mean of all tokens: the published protocol of sentence retrieval
        measure=MeasureSettings(layer=7, checkpoint_every=5_000),
    )


def infoxlm_large() -> Settings:
    """InfoXLM large: shape, contrast layer, momentum and learning rate of the paper, all else as infoxlm-base.

    No command was released for this size.
    """
    base = infoxlm_base()
    return base.model_copy(
        update={
            "recipe": "infoxlm-large",
            "model": ModelSettings(layers=24, hidden=1024, heads=16, feedforward=4096),
            "contrast": base.contrast.model_copy(update={"layer": 12, "momentum": 0.999}),
            "optimizer": OptimizerSettings(learning_rate=1e-4),
            "measure": base.measure.model_copy(update={"layer": None}),
        }
    )


def shortened(settings: Settings, steps: int) -> Settings:
    """The settings with `steps` steps; a warm-up longer than that becomes a tenth of the steps."""
    optimizer = settings.optimizer
    if optimizer.warmup > steps:
        optimizer = optimizer.model_copy(update={"warmup": steps // 10})
    return settings.model_copy(update={"steps": steps, "optimizer": optimizer})


RECIPES: Final[dict[str, Callable[[], Settings]]] = {
    "toy": toy,
    "small": small,
    "infoxlm-base": infoxlm_base,
    "infoxlm-large": infoxlm_large,
}


def recipe(name: str) -> Settings:
    """The settings of a recipe.

    Raises:
        InputError: there is no recipe of this name.
    """
    if name not in RECIPES:
        raise unknown("a recipe", name, RECIPES)
    return RECIPES[name]()


def smoke() -> Settings:
    """Seconds a cell: enough to see that a study works, too little to conclude anything."""
    return changed(
        recipe("toy"),
        {
            "steps": 24,
            "world": {"languages": ("ar", "en", "zh"), "meanings": 600},
            "text": {"held_out": 60},
            "tokenizer": {"vocabulary": 700},
            "model": {"layers": 2, "hidden": 32, "heads": 2, "feedforward": 64},
            "mmlm": {"examples": 16},
            "tlm": {"examples": 16},
            "contrast": {"examples": 32},
            "optimizer": {"warmup": 4},
            "measure": {"snapshot_meanings": 6, "retrieval_meanings": 40, "checkpoint_every": 8},
        },
    )


def changed(settings: Settings, changes: Changes) -> Settings:
    """Settings with some of them replaced.

    >>> changed(Settings(), {"contrast": {"queue": 64}}).contrast.queue
    64
    """
    return type(settings).model_validate(_merged(settings.model_dump(), changes))


def _merged(old: dict[str, Any], new: Changes) -> dict[str, Any]:
    return old | {
        key: _merged(old[key], value) if isinstance(value, Mapping) and isinstance(old[key], dict) else value
        for key, value in new.items()
    }
