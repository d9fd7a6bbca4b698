"""`lab show RUN`: one run."""

from dataclasses import dataclass
from typing import Any

import pandas as pd
import tyro

from lab import store
from lab.cli.console import out, table
from lab.evaluate.scores import read_directions, read_mean
from lab.figures.tasks import recorded
from lab.store import SCORE_COLUMNS
from lab.text_summary import read_summary

MOST_LANGUAGES = 20
"""Rows of the table of languages."""
EXTREMES = 5
"""Directions with the lowest and with the highest accuracy that are listed of many."""


@dataclass(frozen=True)
class Command:
    """Shows a run: its state, settings, last losses and bounds, and scores."""

    run: tyro.conf.Positional[str]
    """Name of the run."""

    def __call__(self) -> dict[str, Any]:
        run = store.open_run(self.run)
        info, status, steps = run.info, run.status, run.steps()
        last = steps[steps["step"] > 0].tail(1) if len(steps) else steps
        return {
            "run": run.name,
            "status": status.model_dump(),
            "info": info.model_dump(mode="json"),
            "last": last.iloc[0].dropna().to_dict() if len(last) else {},
            "scores": run.scores().astype(object).where(run.scores().notna(), None).to_dict("records"),
            "snapshots": run.snapshots(),
            **_text(run),
        }

    def show(self, document: dict[str, Any]) -> None:
        info, status, last = document["info"], document["status"], document["last"]
        rows = [
            ("state", f"{status['state']}  {status['message']}"),
            ("step", f"{status['step']:,} of {status['steps']:,}"),
            ("recipe", info["settings"]["recipe"]),
            ("corpus", f"{info['corpus']}  {' '.join(info['languages'])}"),
            ("made with", "  ".join(f"{name} {version}" for name, version in info["versions"].items())),
            ("commit", info["commit"] or "not known"),
        ]
        table(f"run {document['run']}", ("", ""), rows)
        _show_text(document)
        bounds = [
            (
                style.key,
                f"{last[f'losses.{style.key}']:.3f}",
                f"{last[f'bounds.{style.key}']:.3f}",
                f"{last[f'ceilings.{style.key}']:.3f}",
            )
            for style in recorded(last)
        ]
        if bounds:
            table("last step, nats", ("task", "loss", "training bound", "ceiling"), bounds)
        scores = pd.DataFrame(document["scores"], columns=list(SCORE_COLUMNS))
        _show_retrieval(scores)
        _show_alignment(scores)


def _text(run: store.Run) -> dict[str, Any]:
    """Sentences of each language and translations of each pair, trained on and held out; share that is cut."""
    summary = read_summary(run)
    if summary is None:
        return {"text": {}, "pairs": [], "cut": None, "merged": None, "warnings": []}
    return {**summary.model_dump(mode="json"), "warnings": summary.warnings}


def _show_text(document: dict[str, Any]) -> None:
    """A table of the languages that have least to train on, and what was warned of."""
    languages = sorted(document["text"].items(), key=lambda entry: entry[1]["train"])
    rows = [
        (tag, f"{amount['train']:,}", f"{amount['held_out']:,}", f"{amount['cut']:.2%}")
        for tag, amount in languages[:MOST_LANGUAGES]
    ]
    if rows:
        least = f", {len(rows)} of {len(languages)} with least" if len(rows) < len(languages) else ""
        table(f"text, sentences{least}", ("language", "to train on", "held out", "cut"), rows)
    for line in document["warnings"]:
        out.print(f"note: {line}", soft_wrap=True)


def _show_retrieval(scores: pd.DataFrame) -> None:
    """The mean over directions, and the directions: of many, those with the lowest and the highest accuracy."""
    mean, directions = read_mean(scores), read_directions(scores).sort_values("value")
    if mean is None:
        return
    shown = directions
    if len(directions) > 2 * EXTREMES:
        shown = pd.concat([directions[:EXTREMES], directions[-EXTREMES:]])
    rows = [
        (f"mean of {mean.directions:,}", mean.value, mean.low, mean.high, mean.chance, mean.pools_in_words),
        *(
            (f"{row['source']}→{row['target']}", row["value"], row["low"], row["high"], row["chance"],
             f"{row['pool']:,.0f}")
            for row in shown.to_dict("records")
        ),
    ]  # fmt: skip
    few = (
        f", the {EXTREMES} lowest and highest of {len(directions):,}" if len(shown) < len(directions) else ""
    )
    table(
        f"retrieval, top-1 accuracy{few}",
        ("directed pair", "accuracy", "95 % interval", "chance", "pool"),
        [
            (name, f"{value:.3f}", f"{low:.3f} – {high:.3f}", f"{chance:.2g}", pool)
            for name, value, low, high, chance, pool in rows
        ],
    )


def _show_alignment(scores: pd.DataFrame) -> None:
    """The alignment error rate of each layer over all pairs of languages, where it was measured."""
    rows = scores[(scores["task"] == "alignment") & (scores["source"] == "")].to_dict("records")
    if rows:
        table(
            f"alignment error rate, {rows[0]['n']:,.0f} meanings, links at random {rows[0]['chance']:.3f}",
            ("layer", "links by", "AER", "95 % interval"),
            [
                (
                    f"{row['layer']:.0f}",
                    row["metric"].removeprefix("aer "),
                    f"{row['value']:.3f}",
                    f"{row['low']:.3f} – {row['high']:.3f}",
                )
                for row in rows
            ],
        )
