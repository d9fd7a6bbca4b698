"""Text for studies that the built-in world does not write itself."""

from pathlib import Path
from typing import Final

import numpy as np

from core.config import WorldSettings
from core.files import cached_folder
from core.text.corpus import open_corpus, write_corpus
from lab import store
from lab.text import world_corpus

LEAST: Final = 1 / 8
"""Share of the meanings that the rarest language tells."""


def unequal_world(settings: WorldSettings, seed: int) -> Path:
    """A corpus folder: the world's text, thinned so that languages have from all of the meanings to an eighth.

    English, the pivot, tells all; the others follow in their order, each a fixed factor less. Nested: what a language
    tells, those before it tell too. Kept and found the next time.
    """
    corpus = world_corpus(settings, seed)
    folder = store.cache_folder() / f"unequal-{corpus.info.sha256[:16]}"
    tags = sorted(settings.languages, key=lambda tag: tag != "en")
    shares = dict(zip(tags, np.geomspace(1.0, LEAST, len(tags)), strict=True))

    def write(folder: Path) -> None:
        ranks: dict[int, int] = {}
        rows = (
            row
            for row in corpus.rows()
            if ranks.setdefault(row.meaning, len(ranks)) < shares[row.language] * corpus.info.meanings
        )
        write_corpus(
            rows, folder, source="the built-in world, languages unequal", licence="MIT", world=corpus.info.world,
            overwrite=True,
        )  # fmt: skip

    with store.report_full_disk(folder):
        return cached_folder(folder, open_corpus, write).folder
