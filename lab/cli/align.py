"""`lab align CORPUS`: which words of two languages translate each other."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

from core.errors import InputError
from core.text.alignment.links import Method
from lab import store
from lab.cli.console import bars, out, table

SHOWN = 5
"""Sentence pairs that are printed."""


@dataclass(frozen=True)
class Command:
    """Aligns the words of two languages without supervision, from their translations alone.

    IBM model 1 with a diagonal prior and variational Bayes, in both directions; links of both directions are joined.
    Where links are known, of people with --gold or exactly on text of the built-in world, the alignment error rate:
    1 - (|A and S| + |A and P|) / (|A| + |S|) for links A, sure links S and sure or possible links P, with a 95 %
    interval over sentences; 0 is perfect agreement.
    """

    corpus: tyro.conf.Positional[Path]
    """Folder of a corpus."""
    languages: tuple[str, str]
    """Source and target language."""
    gold: Path | None = None
    """Table of links that people made, in these languages: columns source, target, sure, possible (`0-0 1-2`)."""
    method: Method = "intersection"
    """How both directions are joined: intersection keeps the surest links, grow-diag-final-and more of them."""
    iterations: int = 5
    """Rounds of expectation maximisation."""
    tension: float = 4.0
    """How strongly links keep to the diagonal; 0: not at all."""
    out: Path | None = None
    """File of JSON lines that gets each pair: meaning, source and target (lists of words), links (pairs of places)."""
    overwrite: bool = False
    """Replace the file if it exists."""

    def __call__(self) -> dict[str, Any]:
        from core.text.alignment.model import AlignmentSettings
        from core.text.corpus import open_corpus
        from lab.evaluate.alignment import align_text, read_gold, world_gold
        from lab.text import all_sentences, world_of

        self._check()
        corpus = open_corpus(self.corpus)
        if unknown := [tag for tag in self.languages if tag not in corpus.languages]:
            raise InputError(
                f"expected two languages out of {' '.join(corpus.languages)}, got {' '.join(unknown)}"
            )
        gold, world = read_gold(self.gold) if self.gold else [], world_of(corpus)
        if not gold and world is not None:
            gold = world_gold(world, self.languages)
        settings = AlignmentSettings(self.iterations, self.tension)
        with bars(f"{self.languages[0]}-{self.languages[1]}: ") as report:
            aligned = align_text(all_sentences(corpus), self.languages, gold, self.method, settings, report)
        if self.out is not None:
            lines = aligned.table.to_json(orient="records", lines=True, force_ascii=False)
            store.replace(self.out, (lines or "").encode())
        return {
            "corpus": str(self.corpus),
            "method": self.method,
            "pairs": len(aligned.table),
            "links": int(aligned.table["links"].str.len().sum()),
            "rows": aligned.rows(*self.languages),
            "sample": aligned.table.head(SHOWN).to_dict("records"),
            "out": str(self.out) if self.out else None,
        }

    def _check(self) -> None:
        """Raises InputError where an option is out of range or a file may not be written."""
        if self.languages[0] == self.languages[1]:
            raise InputError(f"expected two languages, got {self.languages[0]} twice")
        if self.iterations < 1:
            raise InputError(f"expected --iterations from 1, got {self.iterations}")
        if self.tension < 0:
            raise InputError(f"expected --tension from 0, got {self.tension:g}")
        if self.gold is not None and not self.gold.is_file():
            raise InputError(f"there is no file {self.gold}: name a table of gold links")
        if self.out is not None and self.out.exists() and not self.overwrite:
            raise InputError(f"{self.out} exists already: choose another file or add --overwrite")
        if self.out is not None and not self.out.parent.is_dir():
            raise InputError(f"there is no folder {self.out.parent}: make it, or choose another file")

    def show(self, document: dict[str, Any]) -> None:
        source, target = self.languages
        out.print(
            f"{document['pairs']:,} sentence pairs of {source} and {target}, {document['links']:,} links by "
            f"{document['method']}",
            markup=False,
        )
        for row in document["sample"]:
            out.print(_linked(row), markup=False)
        if document["rows"]:
            table(
                f"alignment error rate on {document['rows'][0]['n']:,} sentence pairs with known links",
                ("joined by", "AER [95 %]", "precision", "recall"),
                [
                    (
                        row["method"],
                        f"{row['aer']:.3f} [{row['low']:.3f}, {row['high']:.3f}]",
                        f"{row['precision']:.3f}",
                        f"{row['recall']:.3f}",
                    )
                    for row in document["rows"]
                ],
            )
        if document["out"]:
            out.print(f"links: {document['out']}", markup=False)


def _linked(row: dict[str, Any]) -> str:
    """A sentence pair as its linked words."""
    return "  ".join(f"{row['source'][i]}={row['target'][j]}" for i, j in row["links"])
