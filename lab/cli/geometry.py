"""`lab evaluate RUN... --task geometry`: what a retrieval accuracy hides."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from lab.cli.console import bars, out, table


@dataclass(frozen=True)
class Command:
    """Measures hubs, anisotropy and language in sentence vectors, under treatments that train nothing.

    Half of the meanings, drawn at random, fit the treatments: the mean of each language subtracted, the top
    components removed (Mu and Viswanath 2018), each language rotated onto one (Procrustes). The other half is
    measured: retrieval by cosine, CSLS and margin; skewness of how often a sentence is among the ten nearest,
    sentences that are near to nobody (anti-hubs), mutual nearest neighbours; mean cosine of sentences with other
    meanings, uniformity, effective dimensions; how well a linear probe tells the language. No one of them tells
    quality: the row of random vectors is what each reads where nothing is known.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs, folders of encoders, or hub names."""
    corpus: Path | None = None
    """Another corpus to measure on; default: the meanings held out from the run's own."""
    layer: int | None = None
    """Hidden state that is read, 0 = embeddings; default: as retrieval reads it."""
    pooling: Literal["mean", "first", "last", "own"] | None = None
    """Pooling of the tokens; default: as retrieval reads it."""
    prompt: str | None = None
    """Text before every sentence; default: the default prompt of the checkpoint, if any."""
    meanings: int = 4_000
    """Meanings of each language, at most, drawn at random and compared with their translations."""
    pool: Literal["all", "shared"] = "all"
    """The searched sentences: every one of the language, or those with a translation in the query's language."""
    directions: int = 60
    """Directions that are measured, at most; drawn at random where there are more."""
    neighbours: int = 10
    """Nearest neighbours that CSLS and margin correct for."""

    def __call__(self) -> dict[str, Any]:
        documents = []
        for name in self.runs:
            with bars(f"geometry of {name}: ") as report:
                documents.append({"run": name, **self._evaluated(name, report)})
        return documents[0] if len(documents) == 1 else {"runs": documents}

    def _evaluated(self, name: str, report: Any) -> dict[str, Any]:
        from lab.evaluate.encoded import SentenceProtocol, encode_named
        from lab.evaluate.geometry import evaluate_geometry
        from lab.evaluate.pools import PoolRule

        protocol = SentenceProtocol(self.layer, self.pooling, self.meanings, self.prompt)
        rule = PoolRule(index=self.pool, directions=self.directions)
        encoded = encode_named(name, self.corpus, protocol, report)
        return evaluate_geometry(encoded, rule, self.neighbours, progress=report)

    def show(self, document: dict[str, Any]) -> None:
        for each in document.get("runs", [document]):
            _show(each)


def _show(document: dict[str, Any]) -> None:
    rows = document["rows"]
    if document["reading"]:
        out.print(f"note: this is {document['reading']}")
    table(
        f"{document['run']}: mean top-1 retrieval [95 %], layer {document['layer']}, {document['pooling']} pooling",
        ("vectors", "cosine", f"CSLS, k = {document['neighbours']}", f"margin, k = {document['neighbours']}"),
        [(row["label"], *(_share(row, key) for key in ("cosine", "csls", "margin"))) for row in rows],
    )
    table(
        f"hubs among the {rows[0]['occurrence']} nearest, means over directions",
        ("vectors", "skewness", "anti-hubs", "mutual nearest [95 %]"),
        [
            (row["label"], f"{row['hub_skew']:.2f}", f"{row['anti_hubs']:.1%}", _share(row, "reciprocity"))
            for row in rows
        ],
    )
    table(
        "geometry, and the language that a linear probe tells",
        ("vectors", "unrelated cosine", "uniformity", "dimensions", "language [95 %]"),
        [
            (
                row["label"],
                f"{row['unrelated_cosine']:.3f}",
                f"{row['uniformity']:.2f}",
                f"{row['effective_dimensions']:.1f}",
                "—" if row["language"] is None else _share(row, "language"),
            )
            for row in rows
        ],
    )
    pools = " – ".join(f"{size:,}" for size in sorted(set(rows[0]["pools"])))
    out.print(
        f"{document['sentences']:,} sentences of {document['meanings']:,} meanings, on which nothing was fitted; "
        f"{rows[0]['directions']} directed pairs, pools of {pools}; guessing retrieves {rows[0]['chance']:.2g}"
        + (
            ""
            if rows[0]["language"] is None
            else f", and tells the language in {rows[0]['language_chance']:.2g}"
        )
        + f"; {document['width']} dimensions"
    )


def _share(row: Mapping[str, Any], key: str) -> str:
    return f"{row[key]:.3f} [{row[f'{key}_low']:.3f}, {row[f'{key}_high']:.3f}]"
