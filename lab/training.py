"""A run from settings to results: prepares its text, drives `core.train`, and records what it yields."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from accelerate import Accelerator
from accelerate.utils import set_seed

from core.checkpoint import load, save
from core.config import Settings
from core.errors import InputError
from core.model.infoxlm import InfoXLM, language_model
from core.text.batches import Batches
from core.text.corpus import Corpus, open_corpus
from core.text.entropy import token_entropies
from core.text.sampling import Sampler, split
from core.text.tokenizer import Tokenizer
from core.train import Step, Training, train
from lab import store
from lab.evaluate.retrieval import mean_accuracy, retrieval, scores, sides_of
from lab.evaluate.vectors import encode
from lab.store import Run
from lab.text import corpus_tokenizer, encoded, held_out_sentences, world_corpus

HEARTBEAT_SECONDS = 1.0
PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Report:
    """What a run tells while it is under way: a phase with its share done, or a step record."""

    phase: str
    done: int
    total: int
    record: dict[str, Any] | None = None


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
        """Mean retrieval accuracy on the probe sentences with its interval; also keeps a snapshot of their vectors."""
        model = self.training.model
        layers = list(range(model.encoder.config.num_hidden_layers + 1))
        layer = min(self.settings.evaluation_layer, layers[-1])
        vectors = encode(
            model, self.tokenizer, self.probe["text"].tolist(), layers, self.settings.measure.pooling
        )
        self.run.write_snapshot(
            self.training.step, {at: values[self.shown] for at, values in vectors.items()}
        )
        sides = sides_of(self.probe, vectors[layer])
        if len(sides) < 2:
            return {}
        return dict(
            zip(
                ("retrieval", "retrieval_low", "retrieval_high"), mean_accuracy(retrieval(sides)), strict=True
            )
        )

    def checkpoint(self) -> None:
        with self.run.new_checkpoint() as folder:
            save(self.training, self.tokenizer, folder, self.elapsed)

    def beat(self, force: bool = False) -> None:
        """Tells that the run lives, at most once a second."""
        if force or time.monotonic() - self._beat > HEARTBEAT_SECONDS:
            self._beat = time.monotonic()
            self.run.write_status("running", self.training.step, self.settings.steps)

    def obey(self) -> bool:
        """Waits while a pause is asked for; True when the run shall stop."""
        paused = time.perf_counter()
        while (request := self.run.request) == "pause":
            self.run.write_status("paused", self.training.step, self.settings.steps)
            time.sleep(PAUSE_SECONDS)
        self.began += time.perf_counter() - paused
        return request == "stop"


def prepare(settings: Settings, corpus: Corpus, report: Listener) -> tuple[Training, Tokenizer, pd.DataFrame]:
    """Everything a run trains on and with, before its first step, and its held-out sentences."""
    needs_pairs = settings.tlm.enabled or settings.contrast.enabled
    report(Report("tokenizer", 0, 1))
    tokenizer = corpus_tokenizer(corpus, settings)
    report(Report("tokenizer", 1, 1))
    ids = encoded(
        corpus, tokenizer, settings.model.max_tokens, lambda done, of: report(Report("encoding", done, of))
    )
    chosen = split(ids, settings.text, settings.seed, needs_pairs)
    sampler = Sampler(chosen, settings.text, settings.seed)
    set_seed(settings.seed)
    model = InfoXLM(language_model(settings.model, tokenizer.size, settings.seed), settings)
    training = Training(
        settings,
        model,
        sampler,
        Batches(ids, settings, tokenizer.mask_id),
        token_entropies(ids, sampler, tokenizer.size, settings.mask_special),
        Accelerator(mixed_precision=settings.precision),
    )
    return training, tokenizer, held_out_sentences(corpus, chosen.held_out)


def start_run(name: str, settings: Settings, corpus_folder: Path | None) -> tuple[Run, Corpus]:
    """A new run on a corpus folder, or on the built-in world."""
    store.check_name(name)
    corpus = open_corpus(corpus_folder) if corpus_folder else world_corpus(settings.world, settings.seed)
    device = str(Accelerator(mixed_precision=settings.precision).device)
    told = str(corpus_folder.resolve()) if corpus_folder else "world"
    info = store.describe(name, settings, told, corpus.info.sha256, corpus.languages, device)
    if corpus.info.world:
        info = info.model_copy(update={"entropy_nats": corpus.info.world.get("entropy_nats")})
    return store.create_run(name, info), corpus


def reopen_run(name: str) -> tuple[Run, Corpus]:
    """A run that was stopped, killed or has failed, with the corpus it was trained on.

    Raises:
        InputError: it is still running, or its corpus has changed.
    """
    run = store.open_run(name)
    info, status = run.info, run.status
    if status.state in ("running", "paused") or (status.state == "queued" and status.pid):
        raise InputError(f"run {name} is {status.state} in process {status.pid}: stop it first")
    world = info.corpus == "world"
    corpus = (
        world_corpus(info.settings.world, info.settings.seed) if world else open_corpus(Path(info.corpus))
    )
    if corpus.info.sha256 != info.corpus_hash:
        raise InputError(f"the corpus {info.corpus} has changed since run {name} began: start a new run")
    return run, corpus


def carry_out(run: Run, corpus: Corpus, report: Listener = lambda report: None) -> Run:
    """Trains a run to its end, from its checkpoint if it has one, and evaluates it.

    Raises:
        InputError: the text does not fit the settings, or the disk is full; the run is marked as failed.
        NonFiniteLoss: training diverged; likewise.
    """
    settings = run.info.settings
    run.clear_request()
    run.write_status("running", 0, settings.steps)
    try:
        training, tokenizer, sentences = prepare(settings, corpus, report)
        elapsed = 0.0
        if checkpoint := run.checkpoint():
            elapsed = load(training, checkpoint).seconds
        run.keep_steps(training.step if training.step else -1)
        recorder = Recorder(run, training, tokenizer, sentences, elapsed)
        recorder.start()
        stopped = _train(recorder, report)
        if stopped:
            recorder.checkpoint()
            run.write_status(
                "stopped", training.step, settings.steps, "stopped as asked; continue with --resume"
            )
            return run
        _evaluate(run, training, tokenizer, sentences, report)
        run.write_status("finished", training.step, settings.steps)
        return run
    except BaseException as error:
        state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
        step = int(run.status.step)
        run.write_status(state, step, settings.steps, str(error) or type(error).__name__)
        raise


def _train(recorder: Recorder, report: Listener) -> bool:
    steps = recorder.settings.steps
    for step in train(recorder.training):
        record = recorder.record(step)
        report(Report("training", step.step, steps, record))
        if recorder.obey():
            return True
    return False


def _evaluate(
    run: Run, training: Training, tokenizer: Tokenizer, sentences: pd.DataFrame, report: Listener
) -> None:
    """Retrieval over all held-out sentences at the end of a run."""
    settings, model = training.settings, training.model
    layer = min(settings.evaluation_layer, model.encoder.config.num_hidden_layers)
    texts = sentences["text"].tolist()
    vectors = encode(
        model,
        tokenizer,
        texts,
        [layer],
        settings.measure.pooling,
        lambda done, of: report(Report("evaluating", done, of)),
    )
    sides = sides_of(sentences, vectors[layer])
    if len(sides) < 2:
        return
    directions = retrieval(sides)
    run.write_scores("retrieval", scores(directions, layer))
    run.write_errors(pd.concat([one.wrong for one in directions], ignore_index=True))


def settings_difference(asked: Settings, kept: Settings) -> str | None:
    """The first setting in which two runs differ, as `name: asked, kept`."""
    a, b = (pd.json_normalize(json.loads(one.model_dump_json())).iloc[0].to_dict() for one in (asked, kept))
    for key in a:
        if str(a[key]) != str(b.get(key)):
            return f"{key}: {a[key]}, kept {b.get(key)}"
    return None
