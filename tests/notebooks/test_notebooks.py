"""The form of the notebooks: one question each, thin, stripped, exercises with a check and a folded solution."""

import re
from pathlib import Path

import pytest

from tests.notebooks.running import exercises, notebooks, read, solutions

PATHS = notebooks()
RUN_BY = "\n".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*_and_*.py"))
every_notebook = pytest.mark.parametrize("path", PATHS, ids=[path.stem for path in PATHS])


@every_notebook
def test_outputs_are_stripped(path):
    notebook = read(path)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.outputs for cell in code if cell.outputs] == []
    assert {cell.execution_count for cell in code} == {None}


@every_notebook
def test_the_first_code_cell_holds_the_scale(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.metadata.get("tags") == ["parameters"] for cell in code] == [True] + [False] * (
        len(code) - 1
    )
    assert re.search(r'^SCALE = "(smoke|toy|small)"', code[0].source, flags=re.MULTILINE)


@every_notebook
def test_it_asks_a_question_predicts_and_says_what_would_change_its_mind(path):
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    assert re.match(r"# .*\?$", texts[0].splitlines()[0])
    headings = re.findall(r"^## (.*)$", "\n".join(texts), flags=re.MULTILINE)
    expected = {"What theory predicts", "Exercises", "What would change my mind", "Solutions", "References"}
    assert expected - set(headings) == set()
    assert re.search(r"\d+ minutes", texts[0])
    assert "You will learn" in texts[0]


@every_notebook
def test_it_is_thin(path):
    code = "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "code")
    assert not re.search(r"^\s*(def|class|for|while) ", code, flags=re.MULTILINE)
    assert "plotly" not in code
    assert len(code.splitlines()) <= 120


@every_notebook
def test_every_exercise_has_a_check_and_a_folded_solution(path):
    notebook = read(path)
    blank, solved = exercises(notebook), solutions(notebook)
    assert 2 <= len(blank) <= 4
    assert set(blank) == set(solved) == set(range(1, len(blank) + 1))
    for number, code in blank.items():
        (exercise,) = re.findall(r"^check\(answer, ([\w.]+)\(", code, flags=re.MULTILINE)
        assert f"{exercise}(" in solved[number]


def test_every_notebook_is_run():
    assert [path.stem for path in PATHS if f'"{path.name[:2]}"' not in RUN_BY] == []
