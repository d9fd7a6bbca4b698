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
    """What the built-in world tells, in all arms; default: what the scale says."""

    relations: tuple[str, ...] | None = None
    """With transfer comparison negation coreference there are facts that only order, case or agreement tells apart;
    then every cell also says how often it tells who is which (metric roles)."""
    meanings: int | None = None
    """Distinct meanings drawn, held-out ones included; default: the scale's, or all where the world tells fewer."""
    languages: tuple[str, ...] | None = None
    """BCP-47 tags."""
    paraphrases: bool | None = None
    """Draw among the wordings of a relation instead of the first."""


@dataclass(frozen=True)
class Command:
    """Trains every arm of a study with every seed, and compares the arms on the same held-out sentences.

    Each cell is an ordinary run, `STUDY/ARM-SEED` under the runs. A study that was stopped or killed goes on where it
    was; finished cells are not run again, failed ones are tried again.
    """

    study: tyro.conf.Positional[str]
    """Its name; lab study without a name lists them."""
    seeds: int = 3
    """Times that each arm is trained; all arms of a seed share their text."""
    scale: ScaleName = "toy"
    """smoke: seconds a cell, to see that it works; toy: minutes; small: half an hour."""
    corpus: Path | None = None
    """Corpus folder; default: the built-in world."""
    jobs: int = 1
    """Cells at a time, each in a process of its own; at toy size two with one thread beat one with two."""
    reference: str | None = None
    """Arm that the others are compared with; default: the study's."""
    steps: int | None = None
    """Of training in each cell; default: the scale's. A warm-up that would outlast them becomes a tenth of them."""
    name: str | None = None
    """Of the study's folder under the runs; default: the study, the scale, and the corpus or roles."""
    world: WorldFlags = WorldFlags()
    gallery: bool = False
    """Keep the result among those that come with the lab."""

    def __call__(self) -> dict[str, Any]:
        with progress() as bar:
            task: list[Any] = []

            def tell(done: float, total: int, told: str) -> None:
                # what was finished earlier is no measure of the speed
                if not task:
                    task.append(bar.add_task("cells", total=total, completed=int(done), detail=told))
                bar.update(task[0], completed=done, total=total, detail=told)

            folder, failed = run_study(
                self.study, self.scale, self.seeds, self.corpus, self.jobs, self.name, self.steps, tell,
                {key: value for key, value in asdict(self.world).items() if value is not None},
            )  # fmt: skip
        info = folder.info
        made = against(folder, self.reference) if self.reference else folder.table()
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
            "rows": _records(made),
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
        made, reference = pd.DataFrame(document["rows"]), document["reference"]
        baselines = pd.DataFrame(document["baselines"], columns=list(COLUMNS))
        out.print(STUDIES[self.study].question, style="bold")
        for key in document["metrics"]:
            rows = made[made["metric"] == key].to_dict("records")
            if rows:
                heads = ("arm", "mean [95 %]", f"less {reference} [95 %]", "p", "d")
                table(heading(rows), heads, [line(row) for row in rows])
                for sentence in baselines_in_words(baselines[baselines["metric"] == key], made):
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
    """A table row by row, None where a number is not known."""
    return rows.astype(object).where(rows.notna(), None).to_dict("records")


def parse(words: list[str]) -> Command:
    """The study first; without one, a list of them."""
    if not words or words[0] in ("-h", "--help"):
        print("usage: lab study NAME [--seeds 3] [--scale smoke|toy|small] [--corpus FOLDER] [--json]\n")
        for study in STUDIES.values():
            print(f"  {study.name:<15}{study.question}")
        print("\nlab study NAME --help says more")
        sys.exit(0 if words else 2)
    return parse_words(Command, "lab study", words)
