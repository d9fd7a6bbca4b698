"""Provenance of the results that come with the lab, so that a test can tell when they are out of date."""

import json
import math
from typing import Final

from core.train import train
from lab.evaluate.means import translation_accuracy
from lab.evaluate.retrieval import sides_of
from lab.evaluate.vectors import encode
from lab.starting import settings_difference
from lab.store.study import StudyFolder, StudyInfo, study_folder
from lab.study.definitions import study_named
from lab.study.scales import base_settings, scale_named
from lab.text import held_out_sentences, world_corpus
from lab.training import prepare

TOLERANCE: Final = 1e-3
"""Relative difference that the probe may have between machines."""


def probe() -> dict[str, float]:
    """A fingerprint of the code: what the smoke recipe ends at, losses in nats and retrieval as a share.

    Renamed or rearranged code leaves it as it is; another loss, sampler, model or evaluation does not.
    """
    settings = scale_named("smoke").settings()
    corpus = world_corpus(settings.world, settings.seed)
    training, tokenizer = prepare(settings, corpus, lambda report: None)
    *_, last = train(training)
    sentences = held_out_sentences(corpus, training.sampler.split.held_out)
    layer = settings.evaluation_layer
    vectors = encode(training.model, tokenizer, sentences["text"].tolist(), [layer], settings.measure.pooling)
    return {**last.losses, "retrieval": translation_accuracy(sides_of(sentences, vectors[layer])).value}


def keep(name: str) -> StudyFolder:
    """Puts the result of a study that was run here, with the fingerprint of its code, among those of the lab."""
    folder = study_folder(name)
    info = folder.info.model_copy(update={"probe": probe()})
    folder.write(info, folder.units(), folder.curves(), folder.table(), folder.baselines())
    return folder.copy_to_gallery()


def outdated(info: StudyInfo, probe: dict[str, float]) -> str | None:
    """Why a stored result is not what this version of the lab would make, or None; `found` is today's `probe`."""
    study = study_named(info.study)
    today = base_settings(study, info.scale, world=info.world)
    if difference := settings_difference(today, info.base):
        return f"the recipe has changed: {difference}"
    arms = [{"name": arm.name, "label": arm.label, "changes": arm.changes} for arm in study.arms(today)]
    if json.loads(json.dumps(arms)) != [arm.model_dump(mode="json") for arm in info.arms]:
        return "the arms have changed"
    if scale_named(info.scale).protocol.model_dump() != info.protocol:
        return "the protocol has changed"
    stored = info.probe or {}
    for key in sorted(stored.keys() | probe.keys()):
        if not math.isclose(stored.get(key, math.nan), probe.get(key, math.nan), rel_tol=TOLERANCE):
            return f"the code gives other numbers: {key} {probe.get(key)}, kept {stored.get(key)}"
    return None
