"""The guides: code of the README and of `docs/adding-*.md` runs, and says what the pages say it says."""

import re
import tomllib
from pathlib import Path

import pytest

from core.information.estimators.estimate import METHODS
from lab import cli
from lab.recipes import recipe
from lab.world import LANGUAGES
from lab.world.language import FOLDER, Table

ROOT = Path(__file__).parents[1]


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_python_of_the_readme_prints_what_it_says(capsys):
    (code,) = blocks(page("README.md"), "python")
    assert len(code.splitlines()) <= 10
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == code.splitlines()[-1].removeprefix("# ")


def test_the_estimator_of_the_guide_runs_and_holds_the_truth():
    code = "\n".join(blocks(page("docs/adding-an-estimator.md"), "python"))
    try:
        exec(compile(code, "adding-an-estimator.md", "exec"), {})
    finally:
        assert METHODS.pop("correlation", None) is not None


@pytest.mark.parametrize("method", METHODS)
def test_every_estimator_has_its_line_in_the_readme(method):
    assert f"`{method}`" in page("README.md"), (
        f"write a line for {method} in the README's table of estimators"
    )


def test_the_check_of_the_guide_names_what_a_copied_language_lacks(tmp_path, capsys):
    text = (FOLDER / "languages" / "es.toml").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if line.startswith("guitar"))
    (tmp_path / "pt.toml").write_text(text.replace(f"{line}\n", ""), encoding="utf-8")
    assert cli.run(["world", "check", str(tmp_path / "pt.toml")]) == 2
    assert "guitar" in capsys.readouterr().err
    (tmp_path / "pt.toml").write_text(text, encoding="utf-8")
    assert cli.run(["world", "check", str(tmp_path / "pt.toml")]) == 0


def test_the_table_of_the_guide_is_read_as_it_says():
    (toml,) = blocks(page("docs/adding-a-language.md"), "toml")
    table = Table.read("object", tomllib.loads(toml)["object"])
    assert table.forms == ("acc", "few", "many")
    assert (table.cell("book", ""), table.cell("book", "many"), table.cell("lamp", "@gender")) == (
        "книгу", "книг", "f",
    )  # fmt: skip


def test_a_language_more_changes_no_recipe():
    assert len(recipe("toy").world.languages) == 15
    assert set(recipe("toy").world.languages) <= set(LANGUAGES)
    source = (ROOT / "lab" / "recipes.py").read_text(encoding="utf-8")
    assert "LANGUAGES" not in source, (
        "name the languages of a recipe, so that a new one changes no stored result"
    )
