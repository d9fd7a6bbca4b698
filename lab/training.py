"""A run from settings to results: prepares its text, drives `core.train`, and records what it yields."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate import Accelerator
from accelerate.utils import set_seed

from core.checkpoint import continue_contrast, load, save
from core.config import Settings
from core.errors import InputError
from core.model.infoxlm import InfoXLM, language_model
from core.processes import first, here, told
from core.text.batches import Batches
from core.text.corpus import Corpus, open_corpus
from core.text.tokenizer import Tokenizer
from core.train import Step, Training, train
from lab import store
from lab.evaluate.means import mean_accuracy
from lab.evaluate.retrieval import retrieval, sides_of, wrong_matches
from lab.evaluate.scores import scores, step_record
from lab.evaluate.vectors import encode
from lab.store import Run, State
from lab.text import (
    corpus_of,
    corpus_tokenizer,
    encoded,
    entropies,
    held_out_sentences,
    sampler,
    world_corpus,
)
from lab.text_summary import DOCUMENT, check_enough, check_held_out, text_summary

HEARTBEAT_SECONDS = 1.0
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Report:
    """What a run tells while it is under way: a phase with its share done, a step record, or a warning."""

    phase: str
    done: int
    total: int
    record: dict[str, Any] | None = None
    warning: str = ""


Listener = Callable[[Report], None]


class Recorder:
    """Writes what training yields into the run's folder, and measures on held-out sentences in between."""

    def __init__(
        self, run: Run, training: Training, tokenizer: Tokenizer, sentences: pd.DataFrame, elapsed: float
    ) -> None:
        self.run, self.training, self.tokenizer, self.sentences = run, training, tokenizer, sentences
        self.settings = training.settings
        meanings = np.random.default_rng(self.settings.seed).permutation(sentences["meaning"].unique())
        self.probe = sentences[
            sentences["meaning"].isin(meanings[: self.settings.measure.retrieval_meanings])
        ]
        self.shown = (
            self.probe["meaning"].isin(meanings[: self.settings.measure.snapshot_meanings]).to_numpy()
        )
        self.began = time.perf_counter() - elapsed
        self._beat = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds of training since the run began, pauses left out."""
        return time.perf_counter() - self.began

    def start(self) -> None:
        """Keeps the sentences of the snapshots, and the first of them: before any training."""
        if self.training.step == 0:
            self.run.write_held_out(self.sentences)
            self.run.write_sentences(self.probe[self.shown])
            self.run.append_step({"step": 0, "elapsed": 0.0, **self.measure()})

    def record(self, step: Step) -> dict[str, Any]:
        """Adds a step to the run; at its intervals, retrieval, a snapshot and a checkpoint."""
        measure, last = self.settings.measure, step.step == self.settings.steps
        record = {**asdict(step), "elapsed": self.elapsed}
        if last or step.step % measure.snapshot_every == 0:
            record |= self.measure()
            record["elapsed"] = self.elapsed
        self.run.append_step(record)
        if last or step.step % measure.checkpoint_every == 0:
            self.checkpoint()
        self.beat()
        return record

    def measure(self) -> dict[str, float]:
        """Mean retrieval on the probe sentences, where it can be measured; also keeps a snapshot of their vectors."""
        model = self.training.model
        top = model.encoder.config.num_hidden_layers
        layers, layer = list(range(top + 1)), self.settings.evaluation_layer_of(top)
        vectors = encode(
            model, self.tokenizer, self.probe["text"].tolist(), layers, self.settings.measure.pooling
        )
        self.run.write_snapshot(
            self.training.step, {at: values[self.shown] for at, values in vectors.items()}
        )
        return step_record(mean_accuracy(retrieval(sides_of(self.probe, vectors[layer]))))

    def checkpoint(self) -> None:
        with self.run.new_checkpoint() as folder:
            save(self.training, self.tokenizer, folder, self.elapsed)

    def beat(self) -> None:
        """Tells that the run lives, at most once a second."""
        if time.monotonic() - self._beat > HEARTBEAT_SECONDS:
            self._beat = time.monotonic()
            self.status("running")

    def status(self, state: State, message: str = "") -> None:
        """Tells how the run stands."""
        self.run.write_status(state, self.training.step, self.settings.steps, message)


def prepare(settings: Settings, corpus: Corpus, report: Listener) -> tuple[Training, Tokenizer]:
    """Everything a run trains on and with, before its first step; tokenizer and ids are made by one process."""
    needs_pairs = settings.tlm.enabled or settings.contrast.enabled
    report(Report("tokenizer", 0, 1))
    tokenizer = first(lambda: corpus_tokenizer(corpus, settings))
    report(Report("tokenizer", 1, 1))
    longest = settings.model.max_tokens
    ids = first(
        lambda: encoded(corpus, tokenizer, longest, lambda done, of: report(Report("encoding", done, of)))
    )
    drawing = first(lambda: sampler(ids, settings.text, settings.seed, needs_pairs))
    set_seed(settings.seed)
    model = InfoXLM(language_model(settings.model, tokenizer.size, settings.seed), settings)
    if settings.contrast.enabled and settings.model.start is not None and settings.model.start_contrast:
        continue_contrast(model, settings.model.start)
    training = Training(
        settings,
        model,
        drawing,
        Batches(ids, settings, tokenizer.mask_id),
        told(lambda: entropies(ids, drawing, tokenizer.size, settings.mask_special)),
        Accelerator(mixed_precision=settings.precision),
    )
    return training, tokenizer


def start_run(name: str, settings: Settings, corpus_folder: Path | None) -> tuple[Run, Corpus]:
    """A new run on a corpus folder, or on the built-in world; of several processes the main one creates it."""
    told(lambda: store.check_name(name))
    corpus = first(
        lambda: open_corpus(corpus_folder) if corpus_folder else world_corpus(settings.world, settings.seed)
    )
    check_enough(corpus)

    def create() -> str:
        device, processes = str(here().device), here().num_processes
        device = f"{processes} x {device.partition(':')[0]}" if processes > 1 else device
        source = str(corpus_folder.resolve()) if corpus_folder else store.WORLD
        info = store.describe(name, settings, source, corpus.info.sha256, corpus.languages, device)
        if corpus_folder:
            nearby = os.path.relpath(corpus_folder.resolve(), store.runs_folder().resolve())
            info = info.model_copy(update={"corpus_from_runs": nearby})
        if corpus.info.world:
            info = info.model_copy(update={"entropy_nats": corpus.info.world.get("entropy_nats")})
        return store.create_run(name, info).name

    created = told(create)
    return first(lambda: store.open_run(created)), corpus


def reopen_run(name: str) -> tuple[Run, Corpus]:
    """A run that was stopped, killed or has failed, with the corpus it was trained on.

    Raises:
        InputError: it is still running, or its corpus has changed.
    """

    def at_rest() -> str:
        status = store.open_run(name).status
        if status.state in ("running", "paused") or (status.state == "queued" and status.pid):
            raise InputError(f"run {name} is {status.state} in process {status.pid}: stop it first")
        return name

    kept = told(at_rest)
    run = first(lambda: store.open_run(kept))
    return run, first(lambda: corpus_of(run))


def carry_out(run: Run, corpus: Corpus, report: Listener = lambda report: None) -> Run:
    """Trains a run to its end, from its checkpoint if it has one, and evaluates it.

    Of several processes, which all call this, the main one alone writes, measures and reports.

    Raises:
        InputError: the text does not fit the settings, other text is held out than when the run began, or the disk is
            full; the run is marked as failed.
        NonFiniteLoss: training diverged; likewise.
    """
    settings, main = run.info.settings, here().is_main_process
    if main:
        run.clear_request()
        run.write_status("running", 0, settings.steps)
    try:
        training, tokenizer = prepare(settings, corpus, report if main else lambda report: None)
        told(lambda: _keep_summary(run, training, report))
        checkpoint = told(run.checkpoint)
        elapsed = load(training, checkpoint).seconds if checkpoint else 0.0
        recorder: Recorder | None = None
        if main:
            sentences = held_out_sentences(corpus, training.sampler.split.held_out)
            recorder = Recorder(run, training, tokenizer, sentences, elapsed)
            run.keep_steps(training.step if training.step else -1)
            recorder.start()
        stopped = _train(run, training, recorder, report)
        if recorder is not None:
            _conclude(recorder, stopped, report)
        here().wait_for_everyone()
        return run
    except BaseException as error:
        if main:
            state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            run.write_status(state, run.status.step, settings.steps, str(error) or type(error).__name__)
        raise


def _keep_summary(run: Run, training: Training, report: Listener) -> None:
    """Keeps in the run what it reads and holds out, and warns where that is little."""
    parts = training.sampler.split
    check_held_out(run, parts)
    summary = text_summary(training.batches.corpus, parts, training.settings.model.max_tokens)
    run.write_document(DOCUMENT, summary.model_dump(mode="json"))
    for line in summary.warnings:
        report(Report("text", 1, 1, warning=line))


def _train(run: Run, training: Training, recorder: Recorder | None, report: Listener) -> bool:
    """Trains to the end, or until the run shall stop: then True."""
    for step in train(training):
        if recorder is not None:
            report(Report("training", step.step, training.settings.steps, recorder.record(step)))
        if _obey(run, recorder):
            return True
    return False


def _obey(run: Run, recorder: Recorder | None) -> bool:
    """Waits while a pause is asked for, on all processes; True when the run shall stop."""
    began = time.perf_counter()
    while (request := told(lambda: run.request)) == "pause":
        if recorder is not None:
            recorder.status("paused")
        time.sleep(PAUSE_SECONDS)
    if recorder is not None:
        recorder.began += time.perf_counter() - began
    return request == "stop"


def _conclude(recorder: Recorder, stopped: bool, report: Listener) -> None:
    if stopped:
        recorder.checkpoint()
        recorder.status("stopped", "stopped as asked; continue with --resume")
    else:
        _evaluate(recorder.run, recorder.training, recorder.tokenizer, recorder.sentences, report)
        recorder.status("finished")


def _evaluate(
    run: Run, training: Training, tokenizer: Tokenizer, sentences: pd.DataFrame, report: Listener
) -> None:
    """Retrieval over all held-out sentences at the end of a run."""
    settings, model = training.settings, training.model
    layer = settings.evaluation_layer_of(model.encoder.config.num_hidden_layers)
    texts = sentences["text"].tolist()
    vectors = encode(
        model,
        tokenizer,
        texts,
        [layer],
        settings.measure.pooling,
        lambda done, of: report(Report("evaluating", done, of)),
    )
    directions = retrieval(sides_of(sentences, vectors[layer]))
    run.write_scores("retrieval", scores(directions, layer))
    run.write_errors(wrong_matches(directions))


def settings_difference(asked: Settings, kept: Settings) -> str | None:
    """The first setting in which two runs differ, as `name: asked, kept`."""
    a, b = (pd.json_normalize(json.loads(one.model_dump_json())).iloc[0].to_dict() for one in (asked, kept))
    for key in a:
        if str(a[key]) != str(b.get(key)):
            return f"{key}: {a[key]}, kept {b.get(key)}"
    return None
