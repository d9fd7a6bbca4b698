"""Runs of older and newer versions: opened as they were, or named with the version that opens them."""

import json

import pytest
from pydantic import BaseModel

from core.config import Settings
from core.errors import InputError
from lab import store
from lab.store.study import StudyFolder
from lab.store.versions import BEFORE
from tests.lab.runs import new_run

FIRST_SETTINGS = {
    "recipe", "seed", "steps", "precision", "compile", "world.languages", "world.meanings", "world.facts",
    "world.distribution", "world.zipf_exponent", "world.noise", "world.ambiguity", "world.paraphrases",
    "text.held_out", "text.exponent", "text.pivot", "tokenizer.vocabulary", "tokenizer.sentences",
    "tokenizer.folder", "model.layers", "model.hidden", "model.heads", "model.feedforward",
    "model.max_tokens", "model.dropout", "model.embedding_std", "model.start", "mmlm.enabled",
    "mmlm.weight", "mmlm.rate", "mmlm.mask_share", "mmlm.random_share", "tlm.enabled", "tlm.weight",
    "tlm.rate", "tlm.mask_share", "tlm.random_share", "contrast.enabled", "contrast.weight",
    "contrast.layer", "contrast.pooling", "contrast.head", "contrast.temperature", "contrast.normalise",
    "contrast.keys", "contrast.momentum", "contrast.queue", "contrast.in_batch", "contrast.directions",
    "contrast.mixup", "contrast.mask_inputs", "contrast.exclude_same_meaning", "optimizer.learning_rate",
    "optimizer.warmup", "optimizer.betas", "optimizer.epsilon", "optimizer.weight_decay", "optimizer.clip",
    "batch.examples", "batch.accumulate", "batch.reduction", "measure.snapshot_every",
    "measure.snapshot_meanings", "measure.retrieval_meanings", "measure.checkpoint_every", "measure.layer",
    "measure.pooling",
}  # fmt: skip
"""Every setting that the first version had, at commit 962d787."""


def names_of(model: type[BaseModel]) -> set[str]:
    """The dotted names of all settings below a class of settings."""
    names: set[str] = set()
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            names |= {f"{name}.{each}" for each in names_of(inner)}
        else:
            names.add(name)
    return names


def rewrite(run: store.Run, change) -> None:
    path = run.folder / "run.json"
    raw = json.loads(path.read_text())
    change(raw)
    path.write_text(json.dumps(raw))


def remove(settings: dict, path: str) -> None:
    *groups, name = path.split(".")
    for group in groups:
        settings = settings[group]
    del settings[name]


def test_every_setting_is_of_the_first_version_or_says_what_was_done_before_it():
    assert names_of(Settings) - FIRST_SETTINGS == set(BEFORE)


def test_a_run_of_the_first_version_has_the_settings_that_it_had_then():
    run = new_run()
    rewrite(run, lambda raw: [remove(raw["settings"], path) for path in BEFORE])
    settings = run.info.settings
    assert settings.model.start_contrast is False
    assert settings.contrast.mixup_languages == "same"
    assert settings.contrast.momentum_precision == "float32"
    assert (settings.mmlm.mask_special, settings.tlm.mask_special) == (False, False)
    assert settings.contrast.prefill is False


def test_settings_that_a_run_has_are_left_alone():
    run = new_run()
    rewrite(run, lambda raw: raw["settings"]["model"].update(start_contrast=True))
    assert run.info.settings.model.start_contrast is True


def test_a_run_with_a_setting_of_a_newer_version_names_it_and_the_version():
    run = new_run()

    def change(raw):
        raw["settings"]["contrast"]["margin"] = 0.1
        raw["versions"]["parallax-lab"], raw["commit"] = "7.1", "abcdef0123456789"

    rewrite(run, change)
    with pytest.raises(
        InputError,
        match=r"settings.contrast.margin, which this version \(.*\) does not know: .* version 7.1, commit abcdef012$",
    ):
        _ = run.info


@pytest.mark.parametrize(
    ("number", "age"), [(99, "a newer"), (0, "another"), ("x", "another"), (None, "another")]
)
def test_another_format_is_named_with_the_version_that_reads_it(number, age):
    run = new_run()
    rewrite(run, lambda raw: raw.update(format=number))
    with pytest.raises(InputError, match=f"format {number}, .* open it with {age} version"):
        _ = run.info


@pytest.mark.parametrize(
    "content", ['{"format": 1, "name": "r"', "", "[]", "5", '{"format": 1}', '{"format": 1, "settings": []}']
)
def test_a_damaged_run_is_listed_and_named_and_nobody_is_told_to_delete_it(content):
    run = new_run()
    (run.folder / "run.json").write_text(content)
    assert [each.name for each in store.list_runs()] == ["r"]
    with pytest.raises(InputError, match="put back") as caught:
        _ = run.info
    assert "delete" not in str(caught.value)


def test_a_study_of_another_version_is_opened_or_named_likewise(tmp_path):
    from lab.store.study import list_studies

    (stored, *_) = [study for study in list_studies() if study.stored]
    raw = json.loads((stored.folder / "study.json").read_text())
    for path in BEFORE:
        *groups, name = path.split(".")
        group = raw["base"]
        for each in groups:
            # sections of tasks that are younger than the stored study are not there
            group = group.get(each, {})
        group.pop(name, None)
    study = StudyFolder("s", tmp_path)
    (tmp_path / "study.json").write_text(json.dumps(raw))
    assert study.info.base.model.start_contrast is False
    raw["base"]["margin"] = 1
    (tmp_path / "study.json").write_text(json.dumps(raw))
    with pytest.raises(InputError, match=r"study s has base.margin, which this version"):
        _ = study.info
