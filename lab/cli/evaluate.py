"""`lab evaluate RUN...`: sentence retrieval of runs, or of other people's checkpoints."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import tyro

from core.errors import InputError
from lab import store
from lab.cli import classification
from lab.cli import parse as parse_words
from lab.cli.console import out, progress, table


@dataclass(frozen=True)
class Command:
    """Measures retrieval, every directed pair of languages, with 95 % bootstrap intervals.

    A query is right when its translation is its nearest neighbour by cosine (top-1) in the index: all sentences of
    the other language that have a translation in the query's. Wrong matches come first in the output, the surest
    first. Any XLM-R style checkpoint in safetensors is measured like a run, on the text that --corpus names.
    With --task classification, the transfer of a classifier instead: lab evaluate --task classification --help.
    """

    runs: tyro.conf.Positional[tuple[str, ...]]
    """Names of runs, folders of checkpoints, or hub names such as FacebookAI/xlm-roberta-base."""
    corpus: Path | None = None
    """Another corpus to measure on; default: the meanings held out from the run's own."""
    preset: Literal["tatoeba"] | None = None
    """tatoeba: hidden state 7, mean over all tokens, all meanings, as published for InfoXLM base."""
    layer: int | None = None
    """Hidden state that is read, 0 = embeddings; default: the run's (its contrast layer), the checkpoint's own if it
    is a sentence encoder, else two thirds up."""
    pooling: Literal["mean", "first"] | None = None
    """Of the tokens; default: the run's (mean), or the checkpoint's own."""
    meanings: int | None = None
    """At most this many meanings are compared, drawn at random; default: 10,000, or the preset's."""

    def __call__(self) -> dict[str, Any]:
        documents = []
        with progress() as bar:
            for name in self.runs:
                task = bar.add_task(f"encoding {name}", total=None, told="")
                documents.append(
                    self._evaluated(
                        name, lambda done, of, task=task: bar.update(task, completed=done, total=of)
                    )
                )
        return documents[0] if len(documents) == 1 else {"runs": documents}

    def _evaluated(self, name: str, tell: Callable[[int, int], None]) -> dict[str, Any]:
        from lab.evaluate.run import PRESETS, Protocol, evaluate_checkpoint, evaluate_run

        told = {"layer": self.layer, "pooling": self.pooling, "meanings": self.meanings}
        protocol = replace(
            PRESETS[self.preset] if self.preset else Protocol(),
            **{key: value for key, value in told.items() if value is not None},
        )
        if store.is_run(name) or not ("/" in name or Path(name).is_dir()):
            return evaluate_run(store.open_run(name), self.corpus, protocol, tell)
        if self.corpus is None:
            raise InputError(f"{name} is no run, so it holds no text: name some with --corpus FOLDER")
        return evaluate_checkpoint(name, self.corpus, protocol, tell)

    def show(self, document: dict[str, Any]) -> None:
        for one in document.get("runs", [document]):
            _show(one)


def _show(document: dict[str, Any]) -> None:
    wrong = document["errors"]
    if wrong:
        rows = [
            (f"{w['source']}→{w['target']}", w["query"], w["found"], w["expected"], f"{w['margin']:.3f}")
            for w in wrong
        ]
        table(
            f"wrong matches, surest first ({len(wrong)} of {document['wrong']:,})",
            ("pair", "query", "found", "expected", "margin"),
            rows,
        )
    rows = [
        (
            f"{r['source']}→{r['target']}",
            f"{r['accuracy']:.3f}",
            f"{r['low']:.3f} – {r['high']:.3f}",
            f"{r['n']:,}",
        )
        for r in document["retrieval"]
    ]
    table("query→index, top-1 accuracy", ("pair", "accuracy", "95 % interval", "sentences"), rows)
    for mean in document["means"]:
        out.print(
            f"queries in {mean['query']}, index in {mean['index']}: {mean['accuracy']:.3f} "
            f"[{mean['low']:.3f}, {mean['high']:.3f}] over {mean['pairs']} pairs",
            markup=False,
        )
    low, high = document["interval"]
    out.print(
        f"run {document['run']}: mean accuracy {document['mean_accuracy']:.3f} [{low:.3f}, {high:.3f}] over "
        f"{len(rows)} directed pairs, layer {document['layer']}, {document['pooling']} pooling, cosine",
        markup=False,
    )


def parse(words: list[str]) -> Command | classification.Command:
    """The arguments of a task: retrieval, or the one that --task names."""
    tasks = {"retrieval": Command, "classification": classification.Command}
    task, rest = "retrieval", list(words)
    if "--task" in rest:
        at = rest.index("--task")
        task, rest = next(iter(rest[at + 1 :]), ""), rest[:at] + rest[at + 2 :]
    if task not in tasks:
        raise InputError(f"expected --task {' or '.join(tasks)}, got {task!r}")
    return parse_words(tasks[task], "lab evaluate", rest)
