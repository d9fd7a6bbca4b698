"""Labels of meanings: from a file, or the relation that a meaning of the built-in world tells."""

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from core.errors import InputError
from core.text.corpus import Corpus
from lab.text import world_of
from lab.world import World

Labels = Callable[[np.ndarray], np.ndarray]
"""Labels by meaning; NaN for meanings that have none."""
AS_TEXT: Final[Mapping[str, Any]] = {"dtype": str, "keep_default_na": False, "na_filter": False}
"""`NA`, `None`, `null` and `1` are labels like any other."""


def read_labels(path: Path) -> Labels:
    """Labels by meaning, as text, from a file with the columns meaning and label.

    Raises:
        InputError: it cannot be read, lacks a column, names a meaning by anything but a whole number, leaves a label
            empty, or labels a meaning in two ways.
    """
    readers: Mapping[str, Callable[[], pd.DataFrame]] = {
        ".parquet": lambda: pd.read_parquet(path),
        ".csv": lambda: pd.read_csv(path, **AS_TEXT),
        ".tsv": lambda: pd.read_csv(path, sep="\t", quoting=csv.QUOTE_NONE, **AS_TEXT),
    }
    try:
        table = readers[path.suffix]()
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"expected labels as .tsv, .csv or .parquet, got {path}: {error}") from error
    if not {"meaning", "label"} <= set(table):
        raise InputError(f"{path}: expected the columns meaning and label, got {' '.join(map(str, table))}")
    table = _whole(table[["meaning", "label"]].drop_duplicates(), path)
    if twice := table.loc[table["meaning"].duplicated(), "meaning"].tolist():
        raise InputError(f"{path}: meaning {twice[0]} has two labels: give it one")
    labels = table.set_index("meaning")["label"]
    return lambda meanings: labels.reindex(meanings).to_numpy()


def _whole(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Meanings as whole numbers and labels as text, without missing values."""
    for meaning, label in table.itertuples(index=False):
        if not (str(meaning).isdecimal() and len(str(meaning)) < 19):
            raise InputError(f"{path}: expected a whole number as meaning, got {str(meaning)!r}")
        if pd.isna(label) or not str(label).strip():
            raise InputError(f"{path}: meaning {meaning} has no label: give it one or leave its line out")
    return table.astype({"meaning": np.int64, "label": str})


def labels_of_world(corpus: Corpus) -> Labels:
    """The relations that the meanings of a world's corpus tell.

    Raises:
        InputError: no world wrote the corpus.
    """
    world = world_of(corpus)
    if world is None:
        raise InputError(f"{corpus.folder} has no labels of its own: name a file of them with --labels")
    return lambda meanings: relations_of(world, meanings)


def relations_of(world: World, meanings: np.ndarray) -> np.ndarray:
    """The relation that each meaning tells, the first one where it tells two facts."""
    facts = meanings // world.facts.total ** (world.num_facts - 1)
    return np.array(world.facts.relations)[world.facts.unpack(facts)[0]]
