"""The text of a run: corpus, tokenizer, ids and held-out sentences. World, tokenizer and ids lie in a cache."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa

from core.config import Settings, TextSettings, WorldSettings
from core.errors import InputError
from core.files import cached_folder
from core.objectives import AnyTask
from core.progress import Progress, no_progress
from core.text.corpus import SCHEMA, Corpus, open_corpus, write_corpus
from core.text.encoded import EncodedCorpus, encode_corpus
from core.text.entropy import language_information, token_entropy
from core.text.pretrained import open_tokenizer
from core.text.sampling import Reads, Sampler
from core.text.shuffle import Shuffle
from core.text.split import split
from core.text.tokenizer import Tokenizer, load_tokenizer, train_tokenizer
from core.text.vocabulary.build import SharedVocabulary, build_vocabulary
from lab import store
from lab.store import WORLD, Run
from lab.world import World

NUMBERS: Final = 2**62
"""Meanings are put in a random order of so many numbers."""


def corpus_of(run: Run, folder: Path | None = None) -> Corpus:
    """Opens the corpus that a run was begun on and checks that its content is still the same.

    Args:
        run: begun on a corpus folder, or on the built-in world.
        folder: folder of the corpus now; default: its absolute path when the run began or, where a project has moved
            as a whole, its path from the folder of runs.

    Raises:
        InputError: there is no corpus, or the corpus holds other sentences.
    """
    info = run.info
    if folder is None and info.corpus == WORLD:
        corpus = world_corpus(info.settings.world, info.settings.seed)
        remedy = f"this version writes another world than the one that began it ({info.written_by})"
    else:
        corpus = open_corpus(folder or _folder_of(run))
        remedy = "name the folder that has its text with --corpus, or start a new run"
    if corpus.info.sha256 != info.corpus_hash:
        raise InputError(f"run {run.name} was begun on other text than {corpus.folder} holds: {remedy}")
    return corpus


def _folder_of(run: Run) -> Path:
    info = run.info
    places = [Path(info.corpus)]
    if info.corpus_from_runs is not None:
        places.append(store.runs_folder() / info.corpus_from_runs)
    for place in places:
        if (place / "corpus.json").is_file():
            return place
    raise InputError(
        f"the corpus of run {run.name} is no longer at {info.corpus}: name its folder with --corpus"
    )


def world_corpus(settings: WorldSettings, seed: int) -> Corpus:
    """The corpus that the built-in world writes for these settings; cached."""
    dials = settings.model_dump(exclude={"meanings"})
    world = World.load(**dials)
    key = hashlib.sha256(f"{world.digest} {settings.meanings} {seed}".encode()).hexdigest()[:16]
    world_info = {
        **world.settings,
        "entropy_nats": world.entropy_nats,
        "information_nats": world.information_nats,
    }

    def write(folder: Path) -> None:
        rows = world.rows(world.draw(settings.meanings, seed), seed)
        write_corpus(
            rows, folder, source="the built-in world", licence="MIT", world=world_info, overwrite=True
        )

    folder = store.cache_folder() / f"world-{key}"
    with store.report_full_disk(folder):
        return cached_folder(folder, open_corpus, write)


def world_of(corpus: Corpus) -> World | None:
    """The world that wrote a corpus, or None for other text."""
    described = dict(corpus.info.world or {})
    for quantity in ("entropy_nats", "information_nats"):
        described.pop(quantity, None)
    return World.load(**described) if described else None


def corpus_tokenizer(corpus: Corpus, settings: Settings, progress: Progress = no_progress) -> Tokenizer:
    """The tokenizer that the settings name or train; a trained tokenizer is cached."""
    tokenizer_settings = settings.tokenizer
    if tokenizer_settings.folder is not None:
        return load_tokenizer(tokenizer_settings.folder)
    if settings.model.start is not None:
        return open_tokenizer(settings.model.start)

    # the characters of a world are all known
    byte_fallback = tokenizer_settings.byte_fallback and corpus.info.world is None

    def write(folder: Path) -> None:
        if tokenizer_settings.trained_as == "unigram":
            write_vocabulary(build_vocabulary(corpus, tokenizer_settings, byte_fallback, progress), folder)
            return
        # drawn at random, because every n-th row of a parallel corpus can miss a language
        rng, share = np.random.default_rng(0), tokenizer_settings.sentences / corpus.info.sentences
        texts = (row.text for row in corpus.rows() if rng.random() < share)
        train_tokenizer(texts, tokenizer_settings.vocabulary, byte_fallback).save(folder)

    key = hashlib.sha256(f"{corpus.info.sha256} {tokenizer_settings.model_dump_json()}".encode()).hexdigest()[
        :16
    ]
    folder = store.cache_folder() / f"tokenizer-{key}"
    with store.report_full_disk(folder):
        return cached_folder(folder, load_tokenizer, write)


def write_vocabulary(built: SharedVocabulary, folder: Path) -> None:
    """Writes the tokenizer of a shared vocabulary, and beside it `allocation.json`: what it was made from."""
    built.tokenizer.save(folder)
    (folder / "allocation.json").write_text(json.dumps(built.document()), encoding="utf-8")


def encoded(corpus: Corpus, tokenizer: Tokenizer, max_tokens: int, progress: Progress) -> EncodedCorpus:
    """The corpus as memory-mapped ids; cached."""
    key = hashlib.sha256(f"{corpus.info.sha256} {tokenizer.digest} {max_tokens}".encode()).hexdigest()[:16]
    folder = store.cache_folder() / f"encoded-{key}"
    with store.report_full_disk(folder):
        return encode_corpus(corpus, tokenizer, folder, max_tokens, progress)


def sampler(ids: EncodedCorpus, settings: TextSettings, seed: int, needs_pairs: bool) -> Sampler:
    """The sampler of a run; the first sampler on a text writes the translations of that text to disk."""
    with store.report_full_disk(store.cache_folder()):
        return Sampler(split(ids, settings, seed, needs_pairs), settings, seed)


def open_text(task: AnyTask, ids: EncodedCorpus, vocabulary: int, progress: Progress = no_progress) -> None:
    """Opens the tables of a task; the first call on a text writes them beside the ids."""
    with store.report_full_disk(store.cache_folder()):
        task.open_text(ids, vocabulary, progress)


def target_entropy(task: AnyTask, ids: EncodedCorpus, drawing: Sampler, vocabulary: int) -> float:
    """H(target) of a task in nats; the first call on a text counts its tokens and stores the counts beside the ids."""
    with store.report_full_disk(store.cache_folder()):
        return task.target_entropy(ids, drawing, vocabulary)


def token_nats(ids: EncodedCorpus, drawing: Sampler, vocabulary: int, reads: Reads) -> tuple[float, float]:
    """H(token) and I(token; language) in nats of a text, read as `reads` says."""
    with store.report_full_disk(store.cache_folder()):
        return (
            token_entropy(ids, drawing, reads, vocabulary),
            language_information(ids, drawing, reads, vocabulary),
        )


def held_out_sentences(corpus: Corpus, meanings: np.ndarray) -> pd.DataFrame:
    """The sentences with some meanings, one per meaning and language: columns meaning, language, text."""
    wanted = np.sort(meanings)
    return _table(
        batch.filter(pa.array(np.isin(batch.column("meaning").to_numpy(), wanted)))
        for batch in corpus.batches()
    )


def all_sentences(corpus: Corpus) -> pd.DataFrame:
    """All sentences of a corpus, one per meaning and language: columns meaning, language, text."""
    return _table(corpus.batches())


def drawn_meanings(sentences: pd.DataFrame, most: int, seed: int = 0) -> pd.DataFrame:
    """The sentences of `most` meanings of each language, drawn in one random order, and of their translations.

    A small language keeps all its meanings beside a large one. Text that all languages translate keeps `most`.
    """
    order = np.random.default_rng(seed).permutation(sentences["meaning"].unique())
    place = pd.Series(np.arange(len(order)), index=order)
    ranks = place[sentences["meaning"]].groupby(sentences["language"].to_numpy()).rank()
    meanings = sentences["meaning"].to_numpy()[ranks.to_numpy() <= most]
    return sentences[sentences["meaning"].isin(meanings)]


def drawn_sentences(corpus: Corpus, most: int, seed: int = 0) -> pd.DataFrame:
    """Sentences of at most `most` meanings of each language, in one random order, and their translations.

    Memory holds `most` meanings of each language whatever the corpus, and the text of those alone.
    """
    lowest: dict[str, np.ndarray] = {}
    for batch in corpus.batches(("meaning", "language")):
        meanings, tags = batch.column("meaning").to_numpy(), batch.column("language").dictionary_encode()
        codes = tags.indices.to_numpy()
        rows = np.split(
            np.argsort(codes, kind="stable"),
            np.cumsum(np.bincount(codes, minlength=len(tags.dictionary)))[:-1],
        )
        for tag, places in zip(tags.dictionary.to_pylist(), rows, strict=True):
            known = np.union1d(lowest.get(tag, meanings[:0]), meanings[places])
            lowest[tag] = known[np.argsort(_places(known, seed), kind="stable")[:most]]
    return held_out_sentences(corpus, np.unique(np.concatenate(list(lowest.values()))))


def _places(meanings: np.ndarray, seed: int) -> np.ndarray:
    """The places of meanings in a random order of all numbers, so that languages agree without a table of meanings."""
    return Shuffle(NUMBERS, (seed,))[meanings % NUMBERS]


def _table(batches: Iterable[pa.RecordBatch]) -> pd.DataFrame:
    table = pa.Table.from_batches(batches, schema=SCHEMA).to_pandas().astype({"language": str})
    return table.drop_duplicates(["meaning", "language"]).sort_values(
        ["language", "meaning"], ignore_index=True
    )
