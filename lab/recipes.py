"""Recipes: a named run is a function that returns settings."""

import difflib
from collections.abc import Callable
from typing import Final

from core.config import (
    BatchSettings,
    ContrastSettings,
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
    """The built-in world on a laptop: trains while you watch, about a minute."""
    return Settings(
        recipe="toy",
        steps=500,
        world=WorldSettings(meanings=12_000),
        text=TextSettings(held_out=500),
        tokenizer=TokenizerSettings(vocabulary=4_000),
        model=ModelSettings(layers=2, hidden=64, heads=2, feedforward=256, max_tokens=64, embedding_std=0.3),
        contrast=ContrastSettings(
            layer=2,
            pooling="mean",
            keys="query",
            queue=0,
            in_batch=True,
            normalise=True,
            temperature=0.1,
            directions="both",
            mixup=False,
            prefill=False,
        ),
        optimizer=OptimizerSettings(learning_rate=3e-3, warmup=50),
        batch=BatchSettings(examples=128),
        measure=MeasureSettings(
            snapshot_every=20, checkpoint_every=100, snapshot_meanings=30, retrieval_meanings=200
        ),
    )


def small() -> Settings:
    """Six layers of 256 for tens of thousands of sentence pairs: half an hour on two cores."""
    return Settings(
        recipe="small",
        steps=2_000,
        tokenizer=TokenizerSettings(vocabulary=16_000),
        model=ModelSettings(
            layers=6, hidden=256, heads=4, feedforward=1024, max_tokens=128, embedding_std=0.3
        ),
        contrast=ContrastSettings(
            layer=4,
            pooling="mean",
            keys="query",
            queue=0,
            in_batch=True,
            normalise=True,
            temperature=0.05,
            directions="both",
            mixup=False,
            prefill=False,
        ),
        optimizer=OptimizerSettings(learning_rate=1e-3, warmup=200),
        batch=BatchSettings(examples=128),
        text=TextSettings(held_out=1_000, pivot=None),
        measure=MeasureSettings(snapshot_every=100, checkpoint_every=200, retrieval_meanings=500),
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
