"""`lab evaluate RUN... --task alignment`: which words the encoder's own states link."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tyro

from core.errors import InputError
from lab.cli.console import out, table
from lab.cli.each_run import each_run

PAIRS_SHOWN: Final = 10


@dataclass(frozen=True)
class Command:
    """Measures word alignment by the encoder's states: alignment error rate (AER) of every layer, 0 is perfect.

    Both sentences are read alone, and tokens are linked that are each other's nearest by cosine (argmax); itermax adds
    a second round for tokens without a link (SimAlign). Links of tokens become links of words. AER is 1 - (|A and S| +
    |A and P|) / (|A| + |S|) for links A, sure links S and sure or possible links P. Known links are exact on the
    built-in world, where sentences that the run holds out are read; other text needs --gold. Beside it stands an
    aligner that links one to one at random, and one that links along the diagonal. Intervals are of 95 %, over
    meanings.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs."""
    gold: Path | None = None
    """Table of manual links, its name beginning with two languages (en-fr.tsv), or a folder of such tables:
    columns source, target (words between spaces), sure, possible (`0-0 1-2`)."""
    sentences: int = 200
    """Held-out meanings of a world that are read in each pair of languages, at most."""
    pairs: int = 20
    """Pairs of languages of a world, at most; drawn at random where there are more."""

    def __call__(self) -> dict[str, Any]:
        from lab.evaluate.encoder_alignment import evaluate_alignment

        for name in ("sentences", "pairs"):
            if getattr(self, name) < 1:
                raise InputError(f"expected --{name} from 1, got {getattr(self, name)}")
        return each_run(
            self.runs,
            "alignment",
            lambda run, report: evaluate_alignment(run, self.gold, self.sentences, self.pairs, report),
        )

    def show(self, document: dict[str, Any]) -> None:
        for each in document.get("runs", [document]):
            _show(each)


def _show(document: dict[str, Any]) -> None:
    rows = document["layers"]
    table(
        f"run {document['run']}: alignment error rate of {document['pairs']} pairs of languages, "
        f"{rows[0]['n']:,} meanings",
        ("layer", "links by", "AER [95 %]", "precision", "recall"),
        [(str(row["layer"]), row["method"], *_cells(row)) for row in rows],
    )
    best = min(rows, key=lambda row: row["aer"])
    of_pairs = [
        row for row in document["rows"] if (row["layer"], row["method"]) == (best["layer"], best["method"])
    ]
    of_pairs.sort(key=lambda row: -row["aer"])
    few = "" if len(of_pairs) <= PAIRS_SHOWN else f", the {PAIRS_SHOWN} highest of {len(of_pairs)}"
    table(
        f"layer {best['layer']}, {best['method']}, the lowest above, by pair{few}",
        ("pair", "AER [95 %]", "precision", "recall", "random", "diagonal", "n"),
        [
            (f"{row['source']}-{row['target']}", *_cells(row), f"{row['chance']:.3f}", f"{row['diagonal']:.3f}",
             f"{row['n']:,}")
            for row in of_pairs[:PAIRS_SHOWN]
        ],
    )  # fmt: skip
    out.print(
        f"known links: {document['gold']}. Linked one to one at random: {document['chance']:.3f}, along the diagonal: "
        f"{document['diagonal']:.3f}.",
        markup=False,
    )


def _cells(row: dict[str, Any]) -> tuple[str, str, str]:
    interval = f"{row['aer']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    return interval, f"{row['precision']:.3f}", f"{row['recall']:.3f}"
