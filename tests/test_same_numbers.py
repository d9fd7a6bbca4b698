"""Numbers that no change of structure may move: losses, norms, sampler states, rows and units.

    python -m tests.test_same_numbers        # stores them anew: only where numbers are meant to change

Equal bit for bit on the machine type that stored them (torch's version and instruction set), and within 1e-5 elsewhere.
Whoever changes numbers on purpose stores them anew, and says in the commit why they changed.
"""

import json
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from core.config import Settings
from core.train import Training, train
from lab.evaluate.effort import Effort
from lab.evaluate.information import information_of_run
from lab.recipes import changed, recipe
from lab.study.cells import Cell, run_cell
from lab.study.definitions import STUDIES
from lab.study.scales import SCALES, base_settings
from lab.text import world_corpus
from lab.training import prepare
from tests.core import rank
from tests.core.training import training, write_text
from tests.lab.runs import trained_run

STORED = Path(__file__).with_name("same_numbers.json")
FLAT = {"world": {"meanings": 600}, "text": {"held_out": 60}}
RECIPES = {
    "toy": lambda: changed(recipe("toy"), {**FLAT, "steps": 8, "optimizer": {"warmup": 4}}),
    "small": lambda: changed(
        recipe("small"),
        {**FLAT, "steps": 2, "optimizer": {"warmup": 1}, "mmlm": {"examples": 4}, "tlm": {"examples": 4},
         "contrast": {"examples": 8}, "tokenizer": {"vocabulary": 2_000}},
    ),
}  # fmt: skip
AS_PUBLISHED = rank.settings(
    steps=4, momentum=0.9, momentum_precision="float16", queue=24, mixup=True, mixup_languages="other",
    mask_inputs=True, batch={"accumulate": 2, "reduction": "token-sum"},
)  # fmt: skip
CASES = {**rank.CASES, "as published": AS_PUBLISHED}


def machine() -> list[str]:
    """What decides the last bits of a float on a CPU."""
    return [torch.__version__, torch.backends.cpu.get_cpu_capability()]


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """More threads add in another order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def exact(value: Any) -> Any:
    """Floats as hexadecimal strings, in dicts and lists of any depth."""
    if isinstance(value, dict):
        return {key: exact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [exact(item) for item in value]
    return float(value).hex() if isinstance(value, float) else value


def trained(run: Training) -> dict[str, Any]:
    """What every step of a training says, and how the sampler stands at its end."""
    steps = [
        {"losses": step.losses, "bounds": step.bounds, "ceilings": step.ceilings, "norm": step.gradient_norm,
         "counts": step.counts, "tokens": step.tokens}
        for step in train(run)
    ]  # fmt: skip
    weights = {
        name: float(parameter.detach().double().square().sum()) for name, parameter in run.model.trained()
    }
    return exact({"steps": steps, "sampler": run.sampler.state(), "squares": sum(weights.values())})


def of_case(name: str, folder: Path) -> dict[str, Any]:
    return trained(training(write_text(folder), CASES[name]))


def of_recipe(name: str) -> dict[str, Any]:
    settings: Settings = RECIPES[name]()
    return trained(prepare(settings, world_corpus(settings.world, settings.seed), lambda report: None)[0])


def of_processes(folder: Path) -> list[Any]:
    """The steps of two processes that train one model."""
    write_text(folder / "text")
    (folder / "out").mkdir()
    both = rank.results(2, folder / "text", folder / "out", ["micro-batches"])
    return exact([said["micro-batches"] for said, _ in both])


def of_ledger() -> list[dict[str, Any]]:
    """The rows of the ledger of a tiny run."""
    run = trained_run("ledger")
    document = information_of_run(run, Effort((4, 16), 2, 60, 10))
    return exact(document["rows"])


def of_cell() -> dict[str, Any]:
    """Sums over the units of a smoke cell, by metric and part: total, weight, ceiling, truth and chance."""
    study = STUDIES["tasks"]
    base = base_settings(study, "smoke", 6)
    arm = study.arms(base)[-1]
    cell = Cell(
        name="cell", arm=arm.name, seed=101, settings=changed(base, {**arm.changes, "seed": 101}), base=base,
        protocol=SCALES["smoke"].protocol, corpus=None,
    )  # fmt: skip
    units = run_cell(cell)
    units = units[units["metric"] != "seconds"]
    sums: dict[str, Any] = {}
    for (metric, part), group in units.groupby(["metric", "part"], sort=False):
        assert isinstance(group, pd.DataFrame)
        columns = (
            group[["total", "weight"]].sum().tolist() + group[["ceiling", "truth", "chance"]].mean().tolist()
        )
        sums[f"{metric}/{part}"] = [len(group), *columns]
    return exact(sums)


def assert_same(numbers: Any, stored: Any, same_machine: bool, where: str = "") -> None:
    """Fails with the first place where two nested values differ."""
    if isinstance(stored, dict):
        # more keys may be added
        assert numbers.keys() >= stored.keys(), where
        for key, item in stored.items():
            assert_same(numbers[key], item, same_machine, f"{where}/{key}")
    elif isinstance(stored, list):
        assert len(numbers) == len(stored), where
        for place, item in enumerate(stored):
            assert_same(numbers[place], item, same_machine, f"{where}/{place}")
    elif not same_machine and is_hexadecimal(stored):
        value, expected = float.fromhex(numbers), float.fromhex(stored)
        assert value == pytest.approx(expected, rel=1e-5, abs=1e-5, nan_ok=True), where
    else:
        assert numbers == stored, where


def is_hexadecimal(value: Any) -> bool:
    return isinstance(value, str) and (value in ("nan", "inf", "-inf") or "0x" in value)


@pytest.fixture(scope="module")
def stored() -> dict[str, Any]:
    return json.loads(STORED.read_bytes())


@pytest.mark.parametrize("name", CASES)
def test_a_training_of_a_few_steps_has_the_numbers_that_were_stored(stored, name, tmp_path):
    assert_same(of_case(name, tmp_path), stored["cases"][name], stored["machine"] == machine())


@pytest.mark.parametrize("name", RECIPES)
def test_the_first_steps_of_a_recipe_have_the_numbers_that_were_stored(stored, name):
    assert_same(of_recipe(name), stored["recipes"][name], stored["machine"] == machine())


def test_two_processes_have_the_numbers_that_were_stored(stored, tmp_path):
    assert_same(of_processes(tmp_path), stored["processes"], stored["machine"] == machine())


def test_the_rows_of_a_ledger_are_those_that_were_stored(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    assert_same(of_ledger(), stored["ledger"], stored["machine"] == machine())


def test_the_units_of_a_cell_are_those_that_were_stored(stored, tmp_path, monkeypatch):
    monkeypatch.setenv("PARALLAX_RUNS", str(tmp_path))
    assert_same(of_cell(), stored["cell"], stored["machine"] == machine())


def test_a_changed_number_is_noticed():
    assert_same({"a": ["0x1.0p+0"], "more": 1}, {"a": ["0x1.0p+0"]}, True)
    with pytest.raises(AssertionError):
        assert_same({"a": ["0x1.0000000000001p+0"]}, {"a": ["0x1.0p+0"]}, True)
    with pytest.raises(AssertionError):
        assert_same({"a": ["0x1.1p+0"]}, {"a": ["0x1.0p+0"]}, False)


def main() -> None:
    """Stores the numbers of this version."""
    import tempfile

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        top = Path(scratch)
        os.environ["PARALLAX_RUNS"] = str(top / "runs")
        cases = {}
        for name in CASES:
            (top / name).mkdir()
            cases[name] = of_case(name, top / name)
        (top / "processes").mkdir()
        document = {
            "machine": machine(),
            "cases": cases,
            "recipes": {name: of_recipe(name) for name in RECIPES},
            "processes": of_processes(top / "processes"),
            "ledger": of_ledger(),
            "cell": of_cell(),
        }
    STORED.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
