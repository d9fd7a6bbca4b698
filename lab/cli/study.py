"""`lab study NAME`: an ablation grid."""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import tyro

from core.errors import InputError
from lab.cli import parse as parse_words
from lab.cli.console import err, out, progress, table
from lab.study import STUDIES, against, run_study
from lab.study.baseline_table import COLUMNS, baseline_table, baselines_in_words
from lab.study.contrasts import in_words, primary
from lab.study.scales import ScaleName
from lab.study.tables import heading, line


@dataclass(frozen=True)
class WorldFlags:
    """Settings of the built-in world in all arms; default: those of the scale."""

    relations: tuple[str, ...] | None = None
    """Relations told. With transfer comparison negation coreference some facts differ only in order, case or agreement,
    and every cell also measures how often it tells who is which (metric roles)."""
    meanings: int | None = None
    """Distinct meanings drawn, held-out ones included; default: the scale's, or all where the world tells fewer."""
    languages: tuple[str, ...] | None = None
    """BCP-47 tags."""
    paraphrases: bool | None = None
    """Draw among the wordings of a relation instead of the first."""


@dataclass(frozen=True)
class Command:
    """Trains every arm of a study with every seed, and compares the arms on the same held-out sentences.

    Each cell is an ordinary run, `STUDY/ARM-SEED` under the runs. A stopped or killed study continues where it was;
    finished cells are not run again, failed cells are.
    """

    study: tyro.conf.Positional[str]
    """Name of the study; lab study without a name lists all."""
    seeds: int = 3
    """Times that each arm is trained; all arms of a seed share their text."""
    scale: ScaleName = "toy"
    """smoke: seconds a cell, to see that it works; toy: minutes; small: half an hour."""
    corpus: Path | None = None
    """Corpus folder; default: the built-in world."""
    jobs: int = 1
    """Cells at a time, each in its own process; at toy size two cells with one thread beat one with two threads."""
    reference: str | None = None
    """Arm that the others are compared with; default: the study's."""
    steps: int | None = None
    """Training steps of each cell; default: the scale's. A warm-up longer than that becomes a tenth of the steps."""
    name: str | None = None
    """Name of the study's folder under the runs; default: the study, the scale, and the corpus or roles."""
    world: WorldFlags = WorldFlags()
    gallery: bool = False
    """Copy the result to the studies that come with the lab."""

    def __call__(self) -> dict[str, Any]:
        with progress() as bar:
            task: list[Any] = []

            def report(phase: str, done: float, total: float) -> None:
                # cells that were finished before do not count for the speed
                if not task:
                    task.append(bar.add_task("cells", total=total, completed=int(done), detail=phase))
                bar.update(task[0], completed=done, total=total, detail=phase)

            folder, failed = run_study(
                self.study, self.scale, self.seeds, self.corpus, self.jobs, self.name, self.steps, report,
                {key: value for key, value in asdict(self.world).items() if value is not None},
            )  # fmt: skip
        info = folder.info
        results = against(folder, self.reference) if self.reference else folder.table()
        for name, why in failed.items():
            err.print(f"{name} failed: {why}", markup=False)
        if self.gallery:
            self._keep(folder.name, failed)
        return {
            "study": self.study,
            "folder": str(folder.folder),
            "scale": info.scale,
            "reference": self.reference or info.reference,
            "metrics": list(info.metrics),
            "rows": _records(results),
            "baselines": _records(baseline_table(folder.baselines())),
            "primary": primary(folder).to_dict("records"),
            "failed": [{"cell": name, "reason": why} for name, why in failed.items()],
        }

    def _keep(self, name: str, failed: dict[str, str]) -> None:
        from lab.study.provenance import keep

        if failed:
            raise InputError(
                f"{len(failed)} cells failed: a result in the gallery is whole, run the study again"
            )
        keep(name)

    def show(self, document: dict[str, Any]) -> None:
        results, reference = pd.DataFrame(document["rows"]), document["reference"]
        baselines = pd.DataFrame(document["baselines"], columns=list(COLUMNS))
        out.print(STUDIES[self.study].question, style="bold")
        for key in document["metrics"]:
            rows = results[results["metric"] == key].to_dict("records")
            if rows:
                heads = ("arm", "mean [95 %]", f"less {reference} [95 %]", "p", "d")
                table(heading(rows), heads, [line(row) for row in rows])
                for sentence in baselines_in_words(baselines[baselines["metric"] == key], results):
                    out.print(sentence, markup=False)
        out.print("Primary comparisons (one family, Holm); all others are exploratory:", style="bold")
        for row in document["primary"]:
            out.print(f"  {in_words(row)}", markup=False)
        out.print(
            f"{self.seeds} seeds; differences are paired by sentence and seed, p is corrected over the arms (Holm), d "
            f"is Cohen's for paired sentences; all metrics: {document['folder']}/table.parquet; look at them: lab app",
            markup=False,
        )


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table as dicts, with None for numbers that are not known."""
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def parse(words: list[str]) -> Command:
    """Parses the name of a study and its options; without a name, prints the list of studies."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: lab study NAME [--seeds 3] [--scale smoke|toy|small] [--corpus FOLDER] [--json]\n")
        for study in STUDIES.values():
            print(f"  {study.name:<15}{study.question}")
        print("\nlab study NAME --help says more")
        sys.exit(0 if words else 2)
    return parse_words(Command, "lab study", words)
