"""Begins or resumes a run: claims its folder, opens its text and checks it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from core.config import Settings
from core.errors import InputError
from core.hub import must_be_fetched
from core.processes import broadcast_from_main, main_process_first, process_state
from core.text.corpus import Corpus, open_corpus
from lab import store
from lab.store import Run, RunInfo, Status
from lab.text import corpus_of, world_corpus
from lab.text_summary import check_enough


def start_run(name: str | None, settings: Settings, corpus_folder: Path | None) -> tuple[Run, Corpus]:
    """Creates a run on a corpus folder or on the built-in world; the main process creates and claims it.

    Args:
        name: of the run; None for the name of the recipe with the next free number.
        settings: paths in them are made absolute, so that the run can be resumed from another folder.
        corpus_folder: text of the run; None for the built-in world.

    Raises:
        InputError: the name is taken, the folder of runs cannot be written, or there is no such corpus.
    """
    if name is not None:
        broadcast_from_main(lambda: store.check_name(name))
    settings = resolved(settings)
    corpus = main_process_first(
        lambda: open_corpus(corpus_folder) if corpus_folder else world_corpus(settings.world, settings.seed)
    )
    check_enough(corpus)
    created: list[Run] = []

    def create() -> str:
        while True:
            run_name = name or store.free_name(settings.recipe)
            try:
                created.append(
                    store.create_run(run_name, _run_info(run_name, settings, corpus, corpus_folder))
                )
                return run_name
            except store.NameTaken:
                # somebody else was quicker: then the next number is free
                if name is not None:
                    raise

    created_name = broadcast_from_main(create)
    return main_process_first(lambda: created[0] if created else store.open_run(created_name)), corpus


def _run_info(name: str, settings: Settings, corpus: Corpus, corpus_folder: Path | None) -> RunInfo:
    state = process_state()
    kind = str(state.device).partition(":")[0]
    info = store.describe(
        name,
        settings,
        str(corpus_folder.resolve()) if corpus_folder else store.WORLD,
        corpus.info.sha256,
        corpus.languages,
        f"{state.num_processes} x {kind}" if state.num_processes > 1 else str(state.device),
    )
    return info.model_copy(
        update={
            "corpus_from_runs": _from_runs(corpus_folder) if corpus_folder else None,
            "entropy_nats": (corpus.info.world or {}).get("entropy_nats"),
            "threads": torch.get_num_threads() if kind == "cpu" else None,
        }
    )


def reopen_run(
    name: str,
    corpus_folder: Path | None = None,
    take_over: bool = False,
    waits: Callable[[Status], None] = lambda status: None,
) -> tuple[Run, Corpus]:
    """Claims a stopped, killed or failed run for this process, and opens the text that it was begun on.

    Args:
        name: of the run.
        corpus_folder: folder of its text, where the text has moved; written into the run.
        take_over: whether the process of the run is known to be gone, although its lock is there; see `Run.claim`.
        waits: called with the status of the run before this process watches the run for a sign of life.

    Raises:
        InputError: another process has the run, its text has changed or is gone, or it would fetch weights that only
            the files of the run name.
    """
    run = main_process_first(lambda: store.open_run(name))
    broadcast_from_main(lambda: _check_start(run))
    corpus = main_process_first(lambda: corpus_of(run, corpus_folder))

    def claim() -> None:
        status, info = run.status, run.info
        run.claim(take_over, lambda: waits(status))
        run.clear_request()
        run.write_status("queued", status.step, info.settings.steps)
        if corpus_folder is not None:
            place = {"corpus": str(corpus_folder.resolve()), "corpus_from_runs": _from_runs(corpus_folder)}
            run.write_info(info.model_copy(update=place))

    broadcast_from_main(claim)
    return run, corpus


def _check_start(run: Run) -> None:
    """Raises InputError where a run's file names weights on the hub: the folder may come from a stranger."""
    start = run.info.settings.model.start
    if start is not None and run.checkpoint() is None and must_be_fetched(start):
        raise InputError(
            f"run {run.name} has no checkpoint of its own, and its run.json names {start!r} on the hub, of which this "
            f"machine holds nothing: if you trust that name, start a new run with --model.start {start}"
        )


def _from_runs(folder: Path) -> str:
    return os.path.relpath(folder.resolve(), store.runs_folder().resolve())


def resolved(settings: Settings) -> Settings:
    """The settings with absolute folders; names on the hub stay as they are."""
    start, folder = settings.model.start, settings.tokenizer.folder
    changes: dict[str, Any] = {}
    if start is not None and Path(start).is_dir():
        changes["model"] = settings.model.model_copy(update={"start": str(Path(start).resolve())})
    if folder is not None:
        changes["tokenizer"] = settings.tokenizer.model_copy(update={"folder": folder.resolve()})
    return settings.model_copy(update=changes)


def settings_difference(requested: Settings, stored: Settings) -> str | None:
    """The first setting in which two runs differ, as `name: requested, kept stored`; folders compare as absolute."""
    a, b = (
        pd.json_normalize(json.loads(settings.model_dump_json())).iloc[0].to_dict()
        for settings in (resolved(requested), stored)
    )
    for key in a:
        if str(a[key]) != str(b.get(key)):
            return f"{key}: {a[key]}, kept {b.get(key)}"
    return None
