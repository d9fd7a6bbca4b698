"""`lab information RUN...`: the ledger, and estimators on sentence vectors and on known distributions."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import tyro

from core.errors import InputError
from core.progress import Progress
from lab import store
from lab.cli.console import out, phases, progress, table

OPTIONS: Final = {
    "the ledger": ("runs", "candidates", "pairs", "sentences", "truth_sentences"),
    "--method": ("runs", "layers", "pairs", "meanings"),
    "--task": ("n", "seeds", "out", "figures"),
}
"""Options besides --method and --seed, by the question that reads them."""


@dataclass(frozen=True)
class Command:
    """The ledger of runs: the bound of each pretext task on the information in the text, beside ceiling and truth.

    MMLM and TLM show H(token) minus the cross-entropy of masked tokens of held-out text, in nats per masked token. XLCO
    shows InfoNCE on translations of meanings that the run never saw, at several numbers of candidates, in nats per
    sentence pair. The method "infonce" scores as the run trains; "temperature fitted" fits a temperature on other
    pairs, which is as valid and loses less. All have 95 % intervals. Text of the built-in world also has the truth, and
    the value of the ideal reader or critic. With --method, the command estimates on sentence vectors instead; with
    --task, on a distribution with known information.
    """

    runs: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of runs."""
    candidates: tuple[int, ...] = (16, 64, 256, 1_024, 4_096, 16_384, 131_072)
    """Candidates of XLCO; numbers above the number of meanings are left out, above 16,384 one direction is measured."""
    pairs: int = 4
    """Pairs of languages for XLCO and --method, drawn as the run draws them; XLCO measures both directions."""
    sentences: int = 2_000
    """Sentences drawn for MMLM and for TLM."""
    truth_sentences: int = 1_000
    """Sentences drawn for the truth of MMLM and of TLM, which is computed once per run."""
    method: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Estimate on sentence vectors of translations with this method, such as auto, gaussian or ksg; given again, or
    all, for --task only, which takes auto by default."""
    layers: tuple[int, ...] | None = None
    """Hidden states for --method, 0 = embeddings; default: the hidden state that retrieval reads."""
    meanings: int = 2_000
    """Unseen meanings of a world for --method; for other text, the meanings that the run holds out."""
    task: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """A known distribution instead of a run, such as multinormal-dense-5-5-0.5, or a group of them: twelve, further,
    unseen, embeddings, types or a type such as "labels beside numbers"; may be given again."""
    n: tuple[int, ...] = (5_000,)
    """Numbers of samples of --task."""
    seeds: int = 1
    """Samples of each --task, drawn with --seed, --seed + 1 and so on."""
    out: Path | None = None
    """File of JSON lines that gets the estimates of --task as they are made; estimates in the file are not repeated."""
    figures: Path | None = None
    """Folder for figures of --task, as HTML."""
    seed: int = 0
    """Seed of everything that is drawn."""

    def __call__(self) -> dict[str, Any]:
        self._refuse_unread("--task" if self.task else "--method" if self.method else "the ledger")
        if self.task:
            from lab.cli.information_task import EstimatesQuestion, information_of_tasks

            seeds = range(self.seed, self.seed + self.seeds)
            methods = self.method or ("auto",)
            return information_of_tasks(
                EstimatesQuestion(self.task, methods, self.n, seeds, self.out, self.figures)
            )
        if len(self.method) > 1:
            raise InputError(f"expected one --method for a run, got {' and '.join(self.method)}")
        if not self.runs:
            raise InputError("expected a run or --task, got neither; lab list shows what runs exist")
        for name, value in (
            ("pairs", self.pairs),
            ("sentences", self.sentences),
            ("truth-sentences", self.truth_sentences),
        ):
            if value < 1:
                raise InputError(f"expected --{name} from 1, got {value}")
        runs = [store.open_run(name) for name in self.runs]
        with progress() as bar:
            documents = [self._measured(run, phases(bar, f"{run.name}: ")) for run in runs]
        return documents[0] if len(documents) == 1 else {"runs": documents}

    def _refuse_unread(self, question: str) -> None:
        """Raises InputError where an option is set that only another question reads."""
        for field in fields(self):
            readers = [kind for kind, names in OPTIONS.items() if field.name in names]
            if readers and question not in readers and getattr(self, field.name) != field.default:
                option = "a run" if field.name == "runs" else f"--{field.name.replace('_', '-')}"
                raise InputError(
                    f"{option} is read by {' and '.join(readers)}, not by {question}: leave it out"
                )

    def _measured(self, run: store.Run, report: Progress) -> dict[str, Any]:
        from lab.evaluate.effort import Effort
        from lab.evaluate.information import estimates_of_run, information_of_run

        if self.method:
            return estimates_of_run(
                run, self.method[0], self.layers, self.pairs, self.meanings, self.seed, report
            )
        effort = Effort(self.candidates, self.pairs, self.sentences, self.truth_sentences, self.seed)
        return information_of_run(run, effort, report)

    def show(self, document: dict[str, Any]) -> None:
        if self.task:
            from lab.cli.information_task import show

            show(document)
            return
        for run_document in document.get("runs", [document]):
            _show(run_document)


COLUMNS: Final = ("task", "at least", "bound [95 %]", "ceiling", "attainable", "truth", "reached", "n")
SHARED: Final = ("ceiling", "truth", "n")
"""Columns that stand in the heading of a table where all rows agree."""


def _show(document: dict[str, Any]) -> None:
    rows = document["rows"]
    out.print(f"run {document['run']}, step {document['step']:,}: information in nats", style="italic")
    for unit in dict.fromkeys(row.get("unit") for row in rows):
        _show_unit(unit, [row for row in rows if row.get("unit") == unit])
    for row in rows:
        if row["method"] != "infonce":
            out.print(f"{_name(row)}: {row['words']}", markup=False)
    if any(row.get("attainable") is not None for row in rows):
        out.print(
            '"at least" holds with 95 % confidence; "reached" is the share of what is attainable, which the ideal '
            "reader or critic of this world shows (of masked tokens the truth); ± is a standard error",
            markup=False,
        )
    pairs = max((row.get("pairs") or [] for row in rows), key=len, default=[])
    if pairs:
        out.print(
            f'xlco: mean over {", ".join(pairs)}, weighed as the run draws them; "fitted" scores are divided by a '
            "temperature fitted on other pairs, which is as valid a bound",
            markup=False,
        )


def _show_unit(unit: str | None, rows: list[dict[str, Any]]) -> None:
    """Prints the rows of a unit; columns that no row fills, or that repeat another column, are left out."""
    cells = dict(zip(COLUMNS, zip(*map(_cells, rows), strict=True), strict=True))
    if cells["attainable"] == cells["truth"]:
        del cells["attainable"]
    shared = [column for column in SHARED if len(rows) > 1 and len(set(cells[column])) == 1]
    heading = [unit, *(f"{column} {cells[column][0]}" for column in shared if cells[column][0])]
    columns = [column for column in cells if column not in shared and any(cells[column])]
    lines = zip(*(cells[column] for column in columns), strict=True)
    table(", ".join(filter(None, heading)), columns, list(lines))


def _name(row: dict[str, Any]) -> str:
    place = "→".join(tag for tag in (row["source"], row["target"]) if tag)
    count = f"{row['candidates']:,}" if row.get("candidates") else ""
    fitted = "fitted" if "fitted" in row["method"] else ""
    layer = f"layer {row['layer']}" if row["task"] == "vectors" else ""
    return " ".join(part for part in (row["task"], layer, place, count, fitted) if part)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    at_least = row.get("at_least")
    return (
        _name(row) + _kind(row),
        "" if at_least is None else f"{at_least:.2f}" if at_least > 0 else "none",
        f"{row['nats']:z.2f} [{row['low']:z.2f}, {row['high']:z.2f}]",
        _number(row["ceiling"]),
        _number(row.get("attainable"), row.get("attainable_error")),
        _number(row["truth"], row.get("truth_error")),
        _reached(row),
        f"{row['n']:,}",
    )


def _kind(row: dict[str, Any]) -> str:
    """The kind of a row in brackets; empty for a lower bound, the usual kind."""
    return "" if row["kind"] == "lower bound" else f" ({row['kind']})"


def _number(nats: float | None, error: float | None = None) -> str:
    """Nats with their standard error, where two digits show it.

    >>> _number(6.46, 0.021), _number(13.88, 0.0), _number(None)
    ('6.46±0.02', '13.88', '')
    """
    if nats is None:
        return ""
    return f"{nats:.2f}±{error:.2f}" if error is not None and error > 0.005 else f"{nats:.2f}"


def _reached(row: dict[str, Any]) -> str:
    """The bound as a share of the attainable value, or of the ceiling where that is not known."""
    for key, of in (("share_of_attainable", ""), ("share_of_ceiling", " of ceiling")):
        if row.get(key) is not None:
            return f"{100 * row[key]:.0f} %{of}" if row["nats"] > 0 else "none"
    return ""
