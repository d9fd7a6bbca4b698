"""Recipes: a named run is a function that returns settings."""

import difflib
from collections.abc import Callable
from typing import Final

from core.config import (
    ContrastSettings,
    MaskedSettings,
    MeasureSettings,
    ModelSettings,
    OptimizerSettings,
    Settings,
    TextSettings,
    TokenizerSettings,
    WorldSettings,
)
from core.errors import InputError


def toy() -> Settings:
    """The built-in world on a laptop: five languages fold onto each other in about two minutes."""
    return Settings(
        recipe="toy",
        steps=900,
        world=WorldSettings(meanings=12_000),
        text=TextSettings(held_out=500),
        # about one token per word: with more, Chinese sentences become few long tokens that share nothing
        tokenizer=TokenizerSettings(vocabulary=1_000),
        model=ModelSettings(layers=2, hidden=64, heads=2, feedforward=256, max_tokens=64, embedding_std=0.3),
        mmlm=MaskedSettings(examples=32),
        tlm=MaskedSettings(examples=32),
        contrast=_contrast(layer=2, examples=128),
        optimizer=OptimizerSettings(learning_rate=8e-3, warmup=100, clip=2.0),
        measure=MeasureSettings(snapshot_every=25, checkpoint_every=100, snapshot_meanings=30),
    )


def small() -> Settings:
    """Six layers of 256 for tens of thousands of sentence pairs: half an hour on two cores."""
    return Settings(
        recipe="small",
        steps=1_600,
        text=TextSettings(held_out=1_000, pivot=None),
        tokenizer=TokenizerSettings(vocabulary=8_000),
        model=ModelSettings(
            layers=6, hidden=256, heads=4, feedforward=1024, max_tokens=128, embedding_std=0.3
        ),
        mmlm=MaskedSettings(examples=16),
        tlm=MaskedSettings(examples=16),
        contrast=_contrast(layer=2, examples=256),
        optimizer=OptimizerSettings(learning_rate=2e-3, warmup=100),
        measure=MeasureSettings(snapshot_every=50, checkpoint_every=100, retrieval_meanings=500),
    )


def _contrast(layer: int, examples: int) -> ContrastSettings:
    """Contrast that aligns within minutes: both sides learn, and the batch itself gives the negatives.

    Without the head, the vectors that are contrasted are those that retrieval and the maps read.
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


def base() -> Settings:
    """XLM-R base with the paper's settings; start from XLM-R with --model.start and --tokenizer.folder."""
    return Settings(recipe="base", tokenizer=TokenizerSettings(vocabulary=250_002), precision="bf16")


RECIPES: Final[dict[str, Callable[[], Settings]]] = {recipe.__name__: recipe for recipe in (toy, small, base)}


def recipe(name: str) -> Settings:
    """The settings of a recipe.

    Raises:
        InputError: there is none of this name.
    """
    if name not in RECIPES:
        near = difflib.get_close_matches(name, RECIPES, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"expected a recipe out of {', '.join(RECIPES)}, got {name!r}{hint}")
    return RECIPES[name]()
