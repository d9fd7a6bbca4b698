"""The house itself: one dependency list, pinned; commands of the README that exist; no pickles."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def name_of(requirement: str) -> str:
    return re.split(r"[\[<>=!~ ]", requirement)[0]


def test_the_conda_environment_installs_this_project_and_nothing_else():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    plain = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    assert {name_of(entry) for entry in plain} == {"python", "pip"}
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    extras = ",".join(PROJECT["optional-dependencies"])
    assert pip == ["--constraint constraints.txt", f"--editable .[{extras}]"]


def test_the_conda_python_is_one_the_project_allows():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    (python,) = [entry for entry in environment["dependencies"] if str(entry).startswith("python")]
    assert python == "python=" + PROJECT["requires-python"].removeprefix(">=")


def test_every_dependency_is_pinned_within_its_range():
    from packaging.requirements import Requirement

    pinned = {key.lower().replace("_", "-"): value for key, value in pins().items()}
    extras = PROJECT["optional-dependencies"].values()
    for text in [*PROJECT["dependencies"], *(name for extra in extras for name in extra)]:
        requirement = Requirement(text)
        assert pinned[requirement.name.lower()] in requirement.specifier, text
    assert pinned["torch"] == "2.13.0"


def test_every_lab_command_in_the_readme_exists():
    from lab.cli import COMMANDS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^lab ([a-z]+)", text, flags=re.MULTILINE)) | set(
        re.findall(r"`lab ([a-z]+)", text)
    )
    assert named
    assert named <= set(COMMANDS)


@pytest.mark.parametrize(
    "word", ["torch.load(", "import pickle", "allow_pickle=True", "trust_remote_code=True"]
)
def test_nothing_reads_pickles_or_runs_remote_code(word):
    sources = [path for package in ("core", "lab", "app") for path in (ROOT / package).rglob("*.py")]
    assert len(sources) > 30
    assert [str(path) for path in sources if word in path.read_text(encoding="utf-8")] == []


def test_only_the_console_writes_to_a_terminal_by_way_of_rich():
    # whoever made a console of his own would have rich read brackets in sentences as markup; rich.cells only measures
    sources = [path for package in ("core", "lab", "app") for path in (ROOT / package).rglob("*.py")]
    importing = [
        path
        for path in sources
        if re.search(r"^(from|import) rich(?!\.cells)", path.read_text(encoding="utf-8"), re.M)
    ]
    assert [path.relative_to(ROOT).as_posix() for path in importing] == ["lab/cli/console.py"]
