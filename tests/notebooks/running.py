"""Notebooks as tests read and run them: at smoke scale, with the solutions of their exercises appended."""

import re
from pathlib import Path

import nbformat
import papermill

FOLDER = Path(__file__).parents[2] / "notebooks"
EXERCISE = re.compile(r"^### Exercise (\d+)", flags=re.MULTILINE)
SOLUTION = re.compile(
    r"<details>\s*<summary>Solution (\d+)</summary>.*?```python\n(.*?)```.*?</details>", flags=re.DOTALL
)


def notebooks(*numbers: str) -> list[Path]:
    """Those whose names begin with these numbers; all of them without."""
    return sorted(path for path in FOLDER.glob("*.ipynb") if not numbers or path.name[:2] in numbers)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def exercises(notebook: nbformat.NotebookNode) -> dict[int, str]:
    """The code cell that follows the text of each exercise, by number."""
    cells: dict[int, str] = {}
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        heading = EXERCISE.search(cell.source) if cell.cell_type == "markdown" else None
        if heading:
            code = after is not None and after.cell_type == "code"
            cells[int(heading[1])] = after.source if code else ""
    return cells


def solutions(notebook: nbformat.NotebookNode) -> dict[int, str]:
    """The code of each folded solution, by the number of its exercise."""
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    return {int(at): code for text in texts for at, code in SOLUTION.findall(text)}


def executed(path: Path, folder: Path) -> tuple[nbformat.NotebookNode, dict[int, str]]:
    """The notebook run from top to bottom at smoke scale, and what each solution, run after it, was told."""
    notebook = read(path)
    code_by_number = solutions(notebook)
    for number, code in code_by_number.items():
        notebook.cells.append(nbformat.v4.new_code_cell(code, metadata={"tags": [f"solution-{number}"]}))
    nbformat.write(notebook, folder / path.name)
    ran = papermill.execute_notebook(
        folder / path.name,
        folder / f"ran-{path.name}",
        parameters={"SCALE": "smoke"},
        kernel_name="python3",
        cwd=FOLDER,
        progress_bar=False,
    )
    outputs = {
        number: "".join(_text(cell) for cell in ran.cells if f"solution-{number}" in cell.metadata.tags)
        for number in code_by_number
    }
    return ran, outputs


def _text(cell: nbformat.NotebookNode) -> str:
    parts = [output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs]
    return "\n".join(parts)


def complaints(path: Path, folder: Path) -> list[str]:
    """What is wrong once a notebook has run: blank exercises that do not ask for an answer, solutions that fail."""
    ran, outputs = executed(path, folder)
    exercise_cells = exercises(ran)
    blank = [
        _text(cell)
        for cell in ran.cells
        if cell.cell_type == "code" and cell.source in exercise_cells.values()
    ]
    last = [text.strip().splitlines()[-1] for text in blank]
    faults = [f"a blank exercise says {text!r}" for text in last if not text.startswith("not yet")]
    if len(blank) != len(exercise_cells):
        faults.append(f"{len(exercise_cells)} exercises have {len(blank)} cells to answer in")
    verdicts = {number: text.strip().splitlines()[-1] for number, text in outputs.items()}
    return faults + [f"solution {n}: {text}" for n, text in verdicts.items() if not text.startswith("right")]
