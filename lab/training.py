"""Trains a run: prepares its text, drives `core.train`, records the steps and evaluates the result."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from accelerate import Accelerator
from accelerate.utils import set_seed

from core.checkpoint import continue_tasks, load, read_progress, save
from core.config import Settings
from core.errors import InputError
from core.model.infoxlm import language_model
from core.objectives import build_model, needs_pairs
from core.processes import broadcast_from_main, main_process_first, process_state
from core.text.corpus import Corpus
from core.text.tokenizer import Tokenizer, load_tokenizer
from core.train import Step, Training, train
from lab.evaluate.probe import Probe
from lab.evaluate.retrieval import retrieval, sides_of, wrong_matches
from lab.evaluate.scores import scores
from lab.evaluate.vectors import encode
from lab.heartbeat import Heartbeat
from lab.interruption import Interruption
from lab.store import Request, Run
from lab.text import corpus_tokenizer, encoded, held_out_sentences, open_text, sampler, target_entropy
from lab.text_summary import DOCUMENT, check_held_out, text_summary
from lab.threads import threads_of

PAUSE_SECONDS = 0.2
UNMEASURED = "no two languages share enough held-out meanings: retrieval is not measured, all else goes on"


@dataclass(frozen=True)
class Report:
    """Progress of a run: a phase with the share done, a step record, or a warning."""

    phase: str
    done: float
    total: float
    record: dict[str, Any] | None = None
    warning: str = ""


Listener = Callable[[Report], None]


class Recorder:
    """Writes the steps of training into the folder of a run, and measures on held-out sentences in between."""

    def __init__(
        self, run: Run, training: Training, tokenizer: Tokenizer, sentences: pd.DataFrame, elapsed: float
    ) -> None:
        self.run, self.training, self.tokenizer, self.sentences = run, training, tokenizer, sentences
        self.settings = training.settings
        self.probe = Probe(sentences, self.settings)
        self.began = time.perf_counter() - elapsed

    @property
    def elapsed(self) -> float:
        """Seconds of training since the run began, pauses left out."""
        return time.perf_counter() - self.began

    def start(self, report: Listener) -> None:
        """Writes the held-out sentences, the sentences of the snapshots and the snapshot of step 0."""
        if self.training.step == 0:
            self.run.write_held_out(self.sentences)
            self.run.write_sentences(self.probe.shown)
            record = self.measure()
            self.run.append_step({"step": 0, "elapsed": 0.0, **record})
            if not record:
                report(Report("text", 1, 1, warning=UNMEASURED))

    def record(self, step: Step) -> dict[str, Any]:
        """Writes a step into the run; at the set intervals also retrieval, a snapshot and a checkpoint."""
        measure, last = self.settings.measure, step.step == self.settings.steps
        record = {**asdict(step), "elapsed": self.elapsed}
        if not step.shares:
            del record["shares"]
        if last or step.step % measure.snapshot_every == 0:
            record |= self.measure()
            record["elapsed"] = self.elapsed
        self.run.append_step(record)
        if last or step.step % measure.checkpoint_every == 0:
            self.checkpoint()
        return record

    def measure(self) -> dict[str, float]:
        """Mean retrieval on the probe, where it can be measured; also writes a snapshot of the shown sentences."""
        vectors, record = self.probe.measure(self.training.model, self.tokenizer)
        self.run.write_snapshot(self.training.step, vectors)
        self.run.thin_snapshots(self.settings.measure.snapshot_every)
        return record

    def checkpoint(self) -> None:
        """Writes a checkpoint of this step unless there is one."""
        newest = self.run.checkpoint()
        if newest is None or read_progress(newest).step != self.training.step:
            with self.run.new_checkpoint(self.training.step) as folder:
                save(self.training, self.tokenizer, folder, self.elapsed)


def prepare(
    settings: Settings, corpus: Corpus, report: Listener, checkpoint: Path | None = None
) -> tuple[Training, Tokenizer]:
    """The state of training before the first step, and the tokenizer; one process makes tokenizer and ids.

    With a checkpoint, its tokenizer and shape are used, because files that the settings name may be gone or changed.
    """
    report(Report("tokenizer", 0, 1))
    tokenizer = (
        load_tokenizer(checkpoint)
        if checkpoint
        else main_process_first(
            lambda: corpus_tokenizer(
                corpus, settings, lambda _, done, of: report(Report("tokenizer", done, of))
            )
        )
    )
    report(Report("tokenizer", 1, 1))
    longest = settings.model.max_tokens
    ids = main_process_first(lambda: encoded(corpus, tokenizer, longest, lambda *at: report(Report(*at))))
    drawing = main_process_first(lambda: sampler(ids, settings.text, settings.seed, needs_pairs(settings)))
    set_seed(settings.seed)
    start = str(checkpoint) if checkpoint else settings.model.start
    shape = settings.model.model_copy(update={"start": start})
    model = build_model(language_model(shape, tokenizer.size, settings.seed), settings)
    if not checkpoint and start is not None and settings.model.start_contrast:
        continue_tasks(model, start)
    training = Training(
        settings, model, drawing, ids, tokenizer.mask_id, Accelerator(mixed_precision=settings.precision)
    )
    for task in training.tasks.values():
        main_process_first(
            lambda task=task: open_text(task, ids, tokenizer.size, lambda *at: report(Report(*at)))
        )
        task.target_entropy_nats = broadcast_from_main(
            lambda task=task: target_entropy(task, ids, drawing, tokenizer.size)
        )
    return training, tokenizer


def run_training(run: Run, corpus: Corpus, report: Listener = lambda report: None) -> Run:
    """Trains a run to its end, from its checkpoint if it has one, and evaluates it.

    All processes of a run call this; only the main process writes, measures and reports. SIGINT, SIGTERM and SIGUSR1
    end the run after the current step, with a checkpoint; before the first step, at once.

    Raises:
        InputError: another process has the run, the text does not fit the settings, other text is held out than when
            the run began, or the disk is full. All but the first mark the run as failed.
        NonFiniteLoss: training diverged; marks the run as failed.
        Interrupted: a signal has stopped the run, which can be resumed.
    """
    broadcast_from_main(run.claim)
    main = process_state().is_main_process
    with Interruption(main) as interruption, threads_of(run.info), Heartbeat(run, main) as heartbeat:
        try:
            _run_claimed(run, corpus, interruption, heartbeat, report)
            process_state().wait_for_everyone()
            return run
        except BaseException as error:
            state = "stopped" if isinstance(error, KeyboardInterrupt) else "failed"
            # a full disk, or a run that belongs to another process by now, is the message of `error` already
            with suppress(InputError):
                heartbeat.tell(state, str(error) or type(error).__name__)
            raise
        finally:
            run.release()


def _keep_summary(run: Run, training: Training, report: Listener) -> None:
    """Writes the summary of the text into the run, and reports its warnings."""
    parts = training.sampler.split
    check_held_out(run, parts)
    summary = text_summary(training.corpus, parts, training.settings.model.max_tokens)
    run.write_document(DOCUMENT, summary.model_dump(mode="json"))
    for line in summary.warnings:
        report(Report("text", 1, 1, warning=line))


def _run_claimed(
    run: Run, corpus: Corpus, interruption: Interruption, heartbeat: Heartbeat, report: Listener
) -> None:
    main = process_state().is_main_process
    checkpoint = broadcast_from_main(run.checkpoint)
    training, tokenizer = prepare(
        run.info.settings, corpus, report if main else lambda report: None, checkpoint
    )
    broadcast_from_main(lambda: _keep_summary(run, training, report))
    elapsed = load(training, checkpoint).seconds if checkpoint else 0.0
    recorder: Recorder | None = None
    if main:
        sentences = held_out_sentences(corpus, training.sampler.split.held_out)
        recorder = Recorder(run, training, tokenizer, sentences, elapsed)
        run.drop_steps_after(training.step if training.step else -1)
        run.drop_snapshots_after(training.step if training.step else -1)
        recorder.start(report)
    with interruption.finishing():
        stopped = _train(run, training, recorder, interruption, heartbeat, report)
        if stopped and recorder is not None:
            recorder.checkpoint()
    if stopped:
        heartbeat.tell("stopped", "stopped as asked; continue with --resume")
    elif recorder is not None:
        _evaluate(run, training, tokenizer, recorder.sentences, report)
        heartbeat.tell("finished")


def _train(
    run: Run,
    training: Training,
    recorder: Recorder | None,
    interruption: Interruption,
    heartbeat: Heartbeat,
    report: Listener,
) -> bool:
    """Trains to the end; returns True if a request or signal stopped training before."""
    for step in train(training):
        if recorder is not None:
            run.check_claim()
            heartbeat.step = step.step
            report(Report("training", step.step, training.settings.steps, recorder.record(step)))
        if _wait_or_stop(run, recorder, interruption, heartbeat, report):
            return True
    return False


def _request(run: Run, report: Listener) -> Request | None:
    """The request to the run, if any; a damaged request is reported and removed."""
    try:
        return run.request
    except InputError as error:
        report(Report("training", 0, 1, warning=str(error)))
        run.clear_request()
        return None


def _wait_or_stop(
    run: Run, recorder: Recorder | None, interruption: Interruption, heartbeat: Heartbeat, report: Listener
) -> bool:
    """Waits while the run is paused, on all processes; returns True if the run is to stop."""
    began, paused = time.perf_counter(), False
    if interruption.number is not None and recorder is None:
        # a signal to this process alone: the main process decides for all
        run.send_request("stop")
    while (
        request := broadcast_from_main(lambda: "stop" if interruption.number else _request(run, report))
    ) == "pause":
        if not paused:
            heartbeat.tell("paused")
        paused = True
        time.sleep(PAUSE_SECONDS)
    if paused and request != "stop":
        heartbeat.tell("running")
    if recorder is not None:
        recorder.began += time.perf_counter() - began
    return request == "stop"


def _evaluate(
    run: Run, training: Training, tokenizer: Tokenizer, sentences: pd.DataFrame, report: Listener
) -> None:
    """Measures retrieval over all held-out sentences at the end of a run, and writes it."""
    settings, model = training.settings, training.model
    layer = settings.evaluation_layer_of(model.encoder.config.num_hidden_layers)
    texts = sentences["text"].tolist()
    vectors = encode(
        model,
        tokenizer,
        texts,
        [layer],
        settings.measure.pooling,
        lambda phase, done, of: report(Report("evaluating", done, of)),
    )
    directions = retrieval(sides_of(sentences, vectors[layer]))
    run.write_scores("retrieval", scores(directions, layer))
    run.write_errors(wrong_matches(directions))
