"""A pretext task is one room in `core` and one in `lab`: everything else walks over the tasks and names none."""

import ast
from pathlib import Path

import pytest

from core.config import Settings
from core.objectives import TASKS
from core.task_settings import TaskSettings
from lab.evaluate.ledger import LEDGER
from lab.figures.tasks import STYLES

ROOT = Path(__file__).parents[1]
KEYS = {key for section, task in TASKS.items() for key in (section, task.key)}
ROOMS = (
    "core/config.py",
    "core/task_settings.py",
    "core/objectives/",
    "lab/bench/",
    "lab/cli/bench_training.py",
    "lab/evaluate/ledger/",
    "lab/figures/metrics.py",
    "lab/figures/tasks.py",
    "lab/figures/lessons.py",
    "lab/lessons/",
    "lab/recipes.py",
    "lab/study/definitions.py",
)
"""Where a task may be named: its rooms, its settings and looks, recipes, arms, lessons about it, and peers."""


def quoted_keys(path: Path) -> list[str]:
    constants = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.value!r}"
        for node in constants
        if isinstance(node, ast.Constant) and node.value in KEYS
    ]


def test_quoted_keys_of_tasks_stand_in_their_rooms_alone():
    files = [path for folder in ("core", "lab", "app") for path in (ROOT / folder).rglob("*.py")]
    outside = [path for path in files if not str(path.relative_to(ROOT)).startswith(ROOMS)]
    assert len(outside) > 100
    assert [line for path in outside for line in quoted_keys(path)] == []


def test_the_search_for_quoted_keys_finds_those_of_a_room():
    assert any("'xlco'" in line for line in quoted_keys(ROOT / "core" / "objectives" / "xlco.py"))


@pytest.mark.parametrize("section", TASKS)
def test_a_task_has_settings_a_ledger_and_a_style(section):
    task = TASKS[section]
    assert isinstance(getattr(Settings(), section, None), TaskSettings), (
        f"write {section} in core/config.py and its class"
    )
    assert task.key in LEDGER, f"write lab/evaluate/ledger/{task.key}.py and a line in LEDGER"
    assert task.key in STYLES, f"write a TaskStyle for {task.key} in lab/figures/tasks.py"
    metrics = STYLES[task.key].metrics
    assert any(metric.bound for metric in metrics), f"give the style of {task.key} a metric that is a bound"
    assert any(metric.better == "lower" for metric in metrics), f"give {task.key} its held-out loss"
    assert STYLES[task.key].section == section
    assert f"`{task.key}`" in (ROOT / "README.md").read_text(encoding="utf-8"), (
        f"write a line for {task.key} in the README's table of tasks"
    )


def test_no_two_tasks_have_the_same_key_stream_colour_or_dash():
    for values in (
        [task.key for task in TASKS.values()],
        [task.stream for task in TASKS.values()],
        [style.colour for style in STYLES.values()],
        [style.dash for style in STYLES.values()],
    ):
        assert len(set(values)) == len(values)


def test_metrics_of_tasks_have_keys_of_their_own():
    keys = [metric.key for style in STYLES.values() for metric in style.metrics]
    assert len(set(keys)) == len(keys)
