"""A study folder: its question and the measurements of its runs. Its cells are ordinary runs beneath it."""

import math
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import pandas as pd
from pydantic import Field, ValidationError

from core.config import FORMAT_VERSION, STORED, Frozen, StoredSettings
from core.errors import InputError
from core.files import whole_folder
from lab.store.atomic import replace, report_full_disk
from lab.store.paths import check_name, files_below, modified, runs_folder
from lab.store.tables import write_table
from lab.store.versions import check_format, read_document, refusal, settings_then

GALLERY: Final = Path(__file__).parents[1] / "gallery"
"""Folder of the results of studies that come with the lab."""
UNITS: Final = ("arm", "seed", "metric", "part", "unit", "total", "weight", "ceiling", "truth")
LATER: Final = ("chance", "attainable")
CURVES: Final = ("arm", "label", "seed", "step", "metric", "title", "value")
BASELINE_UNITS: Final = ("baseline", "label", "metric", "part", "unit", "total", "weight", "chance")
TABLE: Final = ("arm", "label", "metric", "title", "unit", "value", "low", "high", "p_words", "stars")


class ArmInfo(Frozen):
    """An arm of a study: its name, its label, and the settings in which it differs from the base."""

    name: str
    label: str
    changes: dict[str, Any]


class Contrast(Frozen):
    """A comparison named before the study runs: an arm against a reference arm in one metric.

    `margin`, in the unit of the metric, is the difference below which the arms count as equivalent.
    """

    metric: str
    arm: str
    reference: str
    margin: float


class StudyInfo(Frozen):
    """`study.json`: the question of a study, its arms, settings and versions.

    `world` holds the settings of the world that replace those of the scale.
    """

    format: int = FORMAT_VERSION
    name: str
    study: str
    question: str
    scale: str
    corpus: str
    seeds: tuple[int, ...]
    reference: str
    metrics: tuple[str, ...]
    world: dict[str, Any] = Field(default_factory=dict)
    arms: tuple[ArmInfo, ...]
    contrasts: tuple[Contrast, ...] = ()
    base: StoredSettings
    protocol: dict[str, Any]
    created: datetime
    device: str
    commit: str | None
    versions: dict[str, str]
    missing: tuple[str, ...] = ()
    probe: dict[str, float] | None = None


class StudyFolder:
    """The files of a study: `study.json`, and `units`, `curves`, `table` and `baselines`, each a `.parquet`."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder

    @property
    def stored(self) -> bool:
        """Whether the study came with the lab."""
        return self.folder.parent == GALLERY

    @property
    def info(self) -> StudyInfo:
        """The contents of `study.json`.

        Raises:
            InputError: `study.json` is missing, damaged or of another version.
        """
        what = f"study {self.name}"
        raw = read_document(what, self.folder / "study.json")
        check_format(what, raw)
        try:
            return StudyInfo.model_validate({**raw, "base": settings_then(raw.get("base"))}, context=STORED)
        except ValidationError as error:
            raise refusal(what, raw, error) from error

    def write(
        self,
        info: StudyInfo,
        units: pd.DataFrame,
        curves: pd.DataFrame,
        table: pd.DataFrame,
        baselines: pd.DataFrame | None = None,
    ) -> None:
        """Replaces the results; `study.json` is written last, because it describes the tables."""
        with report_full_disk(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        empty = pd.DataFrame(columns=["arm", "seed", *BASELINE_UNITS])
        for name, content in (
            ("units", units),
            ("curves", curves),
            ("table", table),
            ("baselines", empty if baselines is None else baselines),
        ):
            write_table(self.folder / f"{name}.parquet", content, "zstd")
        replace(self.folder / "study.json", info.model_dump_json(indent=1).encode())

    def units(self) -> pd.DataFrame:
        """Measurements of each cell: arm, seed, metric, part, unit, total, weight, ceiling, truth, chance, attainable.

        The value of a metric is the sum over its parts of sum(total) / sum(weight). A unit is a held-out meaning, the
        same in all arms of a seed.
        """
        return _with_later_columns(self._read("units", UNITS))

    def curves(self) -> pd.DataFrame:
        """Records of each cell during training: arm, label, seed, step, metric, title, value."""
        return self._read("curves", CURVES)

    def table(self) -> pd.DataFrame:
        """The tidy result of `lab.study.statistics.compared`, one row per arm and metric."""
        return _with_later_columns(self._read("table", TABLE))

    def baselines(self) -> pd.DataFrame:
        """Measurements of the baselines without a network on each cell's text: arm, seed, and `BASELINE_UNITS`.

        Without rows where the study is of a version that measured none.
        """
        columns = ("arm", "seed", *BASELINE_UNITS)
        if not (self.folder / "baselines.parquet").exists():
            return pd.DataFrame(columns=list(columns))
        return self._read("baselines", columns)

    def _read(self, name: str, columns: tuple[str, ...]) -> pd.DataFrame:
        path = self.folder / f"{name}.parquet"
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"study {self.name}: {path} cannot be read ({reason}): run the study again"
            ) from error
        if missing := set(columns) - set(table):
            raise InputError(f"study {self.name}: {path} lacks {sorted(missing)[0]}: run the study again")
        return table

    def copy_to_gallery(self) -> "StudyFolder":
        """Copies the results, without the runs, to the studies that come with the lab."""
        target = GALLERY / self.name
        with report_full_disk(target), whole_folder(target, replaces=lambda _: True) as partial:
            for path in (self.folder / "study.json", *self.folder.glob("*.parquet")):
                shutil.copyfile(path, partial / path.name)
        return StudyFolder(self.name, target)


def _with_later_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The table with NaN in the columns that studies of earlier versions did not have."""
    return table.assign(**dict.fromkeys([name for name in LATER if name not in table], math.nan))


def study_folder(name: str) -> StudyFolder:
    """The folder of a study among the runs, whether it exists or not.

    Raises:
        InputError: the name belongs to a run, or is no plain name.
    """
    folder = runs_folder() / check_name(name)
    if (folder / "run.json").exists():
        raise InputError(f"{name} is a run: give the study another --name")
    return StudyFolder(name, folder)


def list_studies() -> list[StudyFolder]:
    """Studies in the folder of runs, newest first, then the studies that come with the lab."""
    local = sorted(files_below(runs_folder(), "*/study.json"), key=modified, reverse=True)
    stored = sorted(GALLERY.glob("*/study.json"))
    return [StudyFolder(path.parent.name, path.parent) for path in [*local, *stored]]


def open_study(name: str) -> StudyFolder:
    """Opens a study that has results; a study in the folder of runs hides a stored study of the same name.

    Raises:
        InputError: there is no study of this name.
    """
    studies = list_studies()
    for study in studies:
        if study.name == name:
            return study
    known = ", ".join(study.name for study in studies) or "none yet"
    raise InputError(f"expected a study that has been run, got {name!r}; there are: {known}")
