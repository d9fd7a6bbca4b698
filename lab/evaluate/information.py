"""The ledger: what a run's tasks show of the information in its text, beside ceiling and truth, in nats.

MMLM and TLM are read on held-out sentences, XLCO on translations of meanings that the run has never seen. Any
critic gives a valid lower bound on text that did not train it; how it was trained only decides how tight it is.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from core.checkpoint import open_model
from core.errors import InputError
from core.information.bounds import Blocks, infonce
from core.model.heads import token_losses
from core.model.infoxlm import InfoXLM
from core.text.batches import cut, joined, masked_batch, plain
from core.text.corpus import Corpus, open_corpus
from core.text.entropy import token_entropies
from core.text.sampling import Sampler, split
from core.text.tokenizer import Tokenizer, load_tokenizer
from lab.evaluate.estimates import Row, estimate_pairs
from lab.evaluate.vectors import encode, model_device
from lab.store import Run
from lab.text import encoded, world_corpus
from lab.world import World
from lab.world.ideal import IdealReader, Shares
from lab.world.truth import RATE, Truth, mask, truth

CANDIDATES: Final = (16, 64, 256, 1_024, 4_096, 16_384, 131_072)
WIDE: Final = 16_384
"""Above this many candidates one direction is measured instead of several: encoding them is what takes time."""
QUERIES, FITTED_QUERIES, FITTED_POOL = 512, 128, 2_048
SENTENCES, TRUTH_SENTENCES, RESAMPLES = 2_000, 1_000, 1_000
PAIRS = 4
ALONE: Final = "mmlm of the languages of tlm"
"""What a translation adds is told for like and like; pairs may see some languages more often than sentences do."""
BATCH = 256
Progress = Callable[[str, int, int], None]


def silent(phase: str, done: int, total: int) -> None:
    """Reports nothing."""


@dataclass(frozen=True)
class Subject:
    """A run opened for the ledger: its newest checkpoint, and its text as it sampled it."""

    run: Run
    step: int
    model: InfoXLM
    tokenizer: Tokenizer
    world: World | None
    languages: Mapping[str, float]
    """Probability of each language of a sentence."""
    pairs: Mapping[tuple[str, str], float]
    """Probability of each directed pair of languages."""
    token_entropies: Mapping[str, float]
    """H(token) of the corpus by task."""
    meanings: np.ndarray
    """All meanings of the corpus, trained on or held out."""
    progress: Progress

    @property
    def skewed(self) -> bool:
        """Whether the world draws some meanings more often than others."""
        return self.world is not None and self.world.settings["distribution"] != "uniform"


def information_of_run(
    run: Run,
    candidates: Sequence[int] = CANDIDATES,
    sentences: int = SENTENCES,
    truth_sentences: int = TRUTH_SENTENCES,
    pairs: int = PAIRS,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """The ledger of a run, which is also kept in its folder.

    Args:
        run: with a checkpoint.
        candidates: numbers of candidates of XLCO; those that the text has room for are measured.
        sentences: drawn for each of MMLM and TLM.
        truth_sentences: drawn for the truth of each, which is computed once per run.
        pairs: pairs of languages that XLCO is measured on, each in both directions.
        seed: of everything drawn here.
        progress: called with a phase, how much of it is done, and how much there is.

    Raises:
        InputError: no checkpoint yet, or the corpus is gone or has changed.
    """
    subject = open_subject(run, progress)
    known = truth_of(subject, truth_sentences, seed)
    rows = [masked_row(subject, task, known, sentences, seed) for task in masked_tasks(subject)]
    if subject.pairs:
        alone = masked_row(subject, ALONE, known, sentences, seed)
        rows.append(added_row(alone, rows[1]))
        rows += contrast_rows(subject, candidates, pairs, seed)
    document = {"run": run.name, "step": subject.step, "rows": rows}
    run.write_document("information", document)
    run.write_scores("information", scores(rows))
    return document


def open_subject(run: Run, progress: Progress = silent) -> Subject:
    """The run's checkpoint and what its sampler draws from.

    Raises:
        InputError: no checkpoint yet, or the corpus is gone or has changed.
    """
    info, checkpoint = run.info, run.checkpoint()
    if checkpoint is None:
        raise InputError(
            f"run {run.name} has no checkpoint yet: let it train, or lower --measure.checkpoint-every"
        )
    settings = info.settings
    corpus = (
        world_corpus(settings.world, settings.seed)
        if info.corpus == "world"
        else open_corpus(Path(info.corpus))
    )
    if corpus.info.sha256 != info.corpus_hash:
        raise InputError(f"the corpus {info.corpus} has changed since run {run.name} began: train a new run")
    tokenizer = load_tokenizer(checkpoint)
    ids = encoded(
        corpus,
        tokenizer,
        settings.model.max_tokens,
        lambda done, of: progress("reading the corpus", done, of),
    )
    sampler = Sampler(
        split(ids, settings.text, settings.seed, needs_pairs=False), settings.text, settings.seed
    )
    tags = corpus.languages
    pairs: dict[tuple[str, str], float] = {}
    for pair, share in zip(sampler.split.pairs, sampler.pair_p, strict=True):
        first, second = tags[pair.first], tags[pair.second]
        pairs[first, second] = pairs[second, first] = float(share) / 2
    return Subject(
        run,
        int(json.loads((checkpoint / "state.json").read_bytes())["step"]),
        open_model(checkpoint, settings).to(model_device()),
        tokenizer,
        world_of(corpus),
        {tag: float(share) for tag, share in zip(tags, sampler.language_p, strict=True)},
        pairs,
        token_entropies(ids, sampler, tokenizer.size),
        np.unique(ids.meaning),
        progress,
    )


def world_of(corpus: Corpus) -> World | None:
    """The world that wrote a corpus, or None for other text."""
    described = dict(corpus.info.world or {})
    for known in ("entropy_nats", "information_nats"):
        described.pop(known, None)
    return World.load(**described) if described else None


# the truth


def truth_of(subject: Subject, sentences: int = TRUTH_SENTENCES, seed: int = 0) -> dict[str, Truth]:
    """What is attainable in MMLM and TLM, computed once per run and kept in its folder; empty for real text."""
    world, run = subject.world, subject.run
    if world is None:
        return {}
    tasks = all_tasks(subject)
    key = [world.digest, subject.tokenizer.digest, tasks, sentences, RATE, seed]
    kept = run.document("truth")
    if kept is None or kept["key"] != key:
        subject.progress("computing the truth, once per run", 0, 1)
        reader = IdealReader(world, subject.tokenizer)
        found = {task: truth(reader, shares_of(subject, task), sentences, RATE, seed) for task in tasks}
        kept = {"key": key, "tasks": {task: asdict(one) for task, one in found.items()}}
        run.write_document("truth", kept)
        subject.progress("computing the truth, once per run", 1, 1)
    return {task: Truth(**values) for task, values in kept["tasks"].items()}


# MMLM and TLM


def masked_tasks(subject: Subject) -> list[str]:
    """Those that the text allows: a corpus without translations has no TLM."""
    return ["mmlm", "tlm"] if subject.pairs else ["mmlm"]


def all_tasks(subject: Subject) -> list[str]:
    """Those, and MMLM as TLM meets the languages."""
    return [*masked_tasks(subject), *([ALONE] if subject.pairs else [])]


def shares_of(subject: Subject, task: str) -> Shares:
    """How often a task sees each language, or each ordered pair."""
    if task == "tlm":
        return subject.pairs
    if task == "mmlm":
        return {(tag,): share for tag, share in subject.languages.items()}
    sides: dict[tuple[str, ...], float] = {}
    for pair, share in subject.pairs.items():
        for tag in pair:
            sides[(tag,)] = sides.get((tag,), 0.0) + share / 2
    return sides


def masked_row(
    subject: Subject, task: str, truths: Mapping[str, Truth], sentences: int = SENTENCES, seed: int = 0
) -> Row:
    """H(token) - cross-entropy of the masked tokens of held-out text: at least so much the context tells of them.

    The interval is a bootstrap over meanings, all sentences of one together, widened by the error of H(token)
    where that is sampled.
    """
    examples = masked_examples(subject, shares_of(subject, task), sentences, seed)
    sums, counts = cross_entropies(subject, examples, task)
    known = truths.get(task)
    entropy = (
        known.token_entropy_nats if known else subject.token_entropies["mmlm" if task == "mmlm" else "tlm"]
    )
    error = known.token_entropy_error if known else 0.0
    meanings = np.array([example.meaning for example in examples])
    value = entropy - sums.sum() / counts.sum()
    low, high = (entropy - end for end in reversed(_ratio_interval(sums, counts, meanings, seed)))
    low, high = value - math.hypot(value - low, 1.96 * error), value + math.hypot(high - value, 1.96 * error)
    return ledger_row(
        task, value, low, high, entropy,
        truth=known.information_nats if known else None,
        truth_error=known.information_error if known else None,
        method="H(token) - cross-entropy",
        layer=subject.model.encoder.config.num_hidden_layers,
        n=int(counts.sum()),
    )  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A sentence or a pair as the model reads it: whole, and as shown."""

    meaning: int
    whole: np.ndarray
    shown: np.ndarray


def masked_examples(subject: Subject, shares: Shares, sentences: int, seed: int) -> list[Example]:
    """Held-out sentences masked by the ledger's rule (`lab.world.truth`): every chosen token shows `<mask>`."""
    rng = np.random.default_rng([seed, 1])
    longest = subject.model.settings.model.max_tokens
    table = held_out(subject, seed)
    ids = {
        str(tag): dict(
            zip(part["meaning"], subject.tokenizer.encode(part["text"].tolist(), longest), strict=True)
        )
        for tag, part in table.groupby("language")
    }
    shared = {tags: sorted(set.intersection(*(set(ids.get(tag, {})) for tag in tags))) for tags in shares}
    kept = {tags: share for tags, share in shares.items() if shared[tags]}
    if not kept:
        raise InputError(f"run {subject.run.name} holds out no text to measure on: train with more meanings")
    p = np.array(list(kept.values()))
    examples: list[Example] = []
    for choice in rng.choice(len(kept), sentences, p=p / p.sum()):
        tags = list(kept)[choice]
        meaning = shared[tags][int(rng.integers(len(shared[tags])))]
        content = longest - 2 if len(tags) == 1 else (longest - 3) // 2
        sides = [cut(ids[tag][meaning], content) for tag in tags]
        shown = mask(sides, subject.tokenizer.mask_id, RATE, rng)
        whole, visible = (
            (one[0] if len(one) == 1 else joined(one[0], one[1], longest)) for one in (sides, shown)
        )
        examples.append(Example(int(meaning), whole, visible))
    return examples


def held_out(subject: Subject, seed: int = 0) -> pd.DataFrame:
    """Sentences to read: those the run holds out, or fresh ones where a world's meanings are not alike.

    A skewed world's corpus holds each meaning once, so its held-out sentences do not follow the world's law;
    independent draws do, and the truth is that law's.
    """
    if subject.world is None or not subject.skewed:
        return subject.run.held_out()
    meanings = subject.world.draw(SENTENCES, seed + 1, without_replacement=False)
    table = pd.DataFrame(subject.world.rows(meanings, seed + 1), columns=["meaning", "language", "text"])
    return table.assign(meaning=np.repeat(np.arange(SENTENCES), len(subject.world.languages)))


@torch.no_grad()
def cross_entropies(
    subject: Subject, examples: Sequence[Example], task: str
) -> tuple[np.ndarray, np.ndarray]:
    """Per example the sum of the cross-entropies of its masked tokens in nats, and how many there are."""
    model, device = subject.model, next(subject.model.parameters()).device
    sums, counts = np.zeros(len(examples)), np.zeros(len(examples), dtype=np.int64)
    order = np.argsort([len(example.whole) for example in examples], kind="stable")
    for begin in range(0, len(order), BATCH):
        part = order[begin : begin + BATCH]
        rows = [examples[i].whole for i in part]
        positions = [np.flatnonzero(examples[i].whole != examples[i].shown) for i in part]
        counts[part] = [len(at) for at in positions]
        batch = masked_batch(rows, [examples[i].shown for i in part], positions).to(device)
        states = model.masked_states(batch.sequences, batch.positions)
        losses = token_losses(model.language_model.lm_head, states, batch.targets).double().cpu().numpy()
        np.add.at(sums, np.repeat(part, counts[part]), losses)
        subject.progress(f"reading {task}", begin + len(part), len(order))
    if not counts.sum():
        raise InputError(f"no token was masked in {len(examples)} sentences: raise --sentences")
    return sums, counts


def _ratio_interval(
    sums: np.ndarray, counts: np.ndarray, groups: np.ndarray, seed: int
) -> tuple[float, float]:
    """95 % bootstrap over groups of sum of sums over sum of counts."""
    _, inverse = np.unique(groups, return_inverse=True)
    size = int(inverse.max()) + 1
    weights = np.random.default_rng([seed, 2]).multinomial(size, np.full(size, 1 / size), RESAMPLES)
    above, below = (weights @ np.bincount(inverse, values, minlength=size) for values in (sums, counts))
    low, high = np.quantile(above / np.maximum(below, 1), [0.025, 0.975])
    return float(low), float(high)


def added_row(mmlm: Row, tlm: Row) -> Row:
    """What the translation adds: TLM minus MMLM on the same languages. A difference of two bounds is no bound."""
    value = tlm["nats"] - mmlm["nats"]
    known = tlm["truth"] is not None
    below = math.hypot(tlm["nats"] - tlm["low"], mmlm["high"] - mmlm["nats"])
    above = math.hypot(tlm["high"] - tlm["nats"], mmlm["nats"] - mmlm["low"])
    return ledger_row(
        "tlm - mmlm", value, value - below, value + above, None,
        kind="estimate",
        truth=tlm["truth"] - mmlm["truth"] if known else None,
        truth_error=math.hypot(tlm["truth_error"], mmlm["truth_error"]) if known else None,
        method="difference of the bounds",
        layer=tlm["layer"],
        n=tlm["n"],
    )  # fmt: skip


# XLCO


@dataclass(frozen=True)
class Direction:
    """Contrast vectors of one directed pair of languages: row i of the keys translates row i of the queries.

    The first `fitted` rows are for fitting a temperature, the others to measure with; there may be more keys
    than queries.
    """

    source: str
    target: str
    share: float
    queries: Tensor
    keys: Tensor
    fitted: int


def contrast_rows(
    subject: Subject, candidates: Sequence[int] = CANDIDATES, pairs: int = PAIRS, seed: int = 0
) -> list[Row]:
    """InfoNCE on unseen translations for each number of candidates, as trained and with a fitted temperature.

    I >= log(candidates) - loss for any critic. Numbers of candidates above `WIDE` are measured in one direction.
    """
    chosen = chosen_pairs(subject.pairs, pairs, seed)
    counts = sorted(set(candidates))
    _check_candidates(counts)
    pools = Pools(subject, chosen, counts, seed)
    rows: list[Row] = []
    for count in counts:
        directions = pools.directions if count <= WIDE else pools.directions[:1]
        room = min(len(one.keys) - one.fitted for one in directions)
        if count <= room:
            subject.progress("reading xlco", counts.index(count), len(counts))
            rows += [
                contrast_row(subject, directions, count, scale, seed)
                for scale in (None, fitted_scale(subject, directions, count))
            ]
    subject.progress("reading xlco", len(counts), len(counts))
    if not rows:
        room = min(len(one.keys) - one.fitted for one in pools.directions)
        raise InputError(
            f"expected room for {counts[0]:,} candidates, got {room:,} unseen meanings: ask for --candidates {room}"
        )
    return rows


def _check_candidates(counts: Sequence[int]) -> None:
    if not counts or counts[0] < 2:
        raise InputError(f"expected numbers of candidates from 2, got {' '.join(map(str, counts)) or 'none'}")


def chosen_pairs(
    shares: Mapping[tuple[str, str], float], pairs: int, seed: int = 0
) -> dict[tuple[str, str], float]:
    """Some pairs of languages, drawn with the run's own probabilities, in both directions, and their shares."""
    both = [(a, b) for a, b in shares if a < b]
    p = np.array([shares[pair] for pair in both])
    drawn = np.random.default_rng([seed, 3]).choice(
        len(both), min(pairs, len(both)), replace=False, p=p / p.sum()
    )
    wanted = [pair for at in sorted(drawn) for pair in (both[at], both[at][::-1])]
    total = sum(shares[pair] for pair in wanted)
    return {pair: shares[pair] / total for pair in wanted}


class Pools:
    """Unseen translations of the chosen pairs of languages, encoded as the run contrasts them."""

    def __init__(
        self, subject: Subject, chosen: Mapping[tuple[str, str], float], counts: Sequence[int], seed: int
    ) -> None:
        self.subject = subject
        self._encoded: dict[tuple[str, bool], Tensor] = {}
        first = next(iter(chosen))
        tags = sorted({tag for pair in chosen for tag in pair})
        usual = max([QUERIES, *(count for count in counts if count <= WIDE)]) + FITTED_POOL
        sizes = dict.fromkeys(tags, usual)
        sizes[first[1]] = max([usual, *(count + FITTED_POOL for count in counts)])
        self._texts = unseen(subject, sizes, seed)
        self.directions = [self._direction(pair, share, seed) for pair, share in chosen.items()]

    def _direction(self, pair: tuple[str, str], share: float, seed: int) -> Direction:
        source, target = pair
        queries, keys = self._vectors(source, key=False), self._vectors(target, key=True)
        if self.subject.world is None:
            told = [self._texts[tag][0] for tag in pair]
            _, i, j = np.intersect1d(told[0], told[1], return_indices=True)
            order = np.random.default_rng([seed, 4]).permutation(len(i))
            queries, keys = queries[i[order]], keys[j[order]]
        fitted = min(FITTED_POOL, len(queries) // 4)
        return Direction(source, target, share, queries, keys, fitted)

    def _vectors(self, tag: str, key: bool) -> Tensor:
        """Vectors of a language's sentences; one encoder for both sides encodes them once."""
        own = key and self.subject.model.key_encoder is not None
        if (tag, own) not in self._encoded:
            texts = self._texts[tag][1]
            self._encoded[tag, own] = contrast_vectors(self.subject, texts, own, f"encoding {tag}")
        return self._encoded[tag, own]


def unseen(subject: Subject, sizes: Mapping[str, int], seed: int) -> dict[str, tuple[np.ndarray, list[str]]]:
    """Meanings and sentences by language that the run did not train on, row by row; rows translate each other.

    From a world they are independent draws, so that InfoNCE is a bound on the world's own information; where all
    meanings are alike those of the corpus are left out, which changes no probability among the others. Other
    text has only what the run holds out.
    """
    if subject.world is None:
        parts = subject.run.held_out().groupby("language")
        return {str(tag): (part["meaning"].to_numpy(), part["text"].tolist()) for tag, part in parts}
    settings, most = subject.world.settings, max(sizes.values())
    left = 1.0 if subject.skewed else 1 - len(subject.meanings) / subject.world.num_meanings
    if left <= 0.01:
        raise InputError(
            f"run {subject.run.name} has seen all meanings of its world: train with fewer, to have some to measure on"
        )
    drawn = subject.world.draw(int(1.2 * most / left) + 100, seed + 2, without_replacement=False)
    fresh = drawn if subject.skewed else drawn[~np.isin(drawn, subject.meanings)]
    found: dict[str, tuple[np.ndarray, list[str]]] = {}
    for tag, size in sizes.items():
        speaker = World.load(**{**settings, "languages": [tag]})
        told = speaker.rows(fresh[:size], seed + 2)
        found[tag] = (np.arange(size), [text for _, _, text in told])
    return found


@torch.no_grad()
def contrast_vectors(subject: Subject, texts: Sequence[str], key: bool, phase: str) -> Tensor:
    """Vectors whose inner products are the run's scores before the temperature, [texts, hidden].

    A run without the contrast task has no such scores: the cosines of the vectors that retrieval reads stand in.
    """
    model, settings = subject.model, subject.model.settings
    if not settings.contrast.enabled:
        layer = min(settings.evaluation_layer, model.encoder.config.num_hidden_layers)
        vectors = encode(
            model, subject.tokenizer, texts, [layer], settings.measure.pooling,
            lambda done, of: subject.progress(phase, done, of),
        )[layer]  # fmt: skip
        return torch.nn.functional.normalize(torch.from_numpy(vectors), dim=-1)
    device, longest = next(model.parameters()).device, settings.model.max_tokens
    rows = subject.tokenizer.encode(texts, longest)
    order = np.argsort([len(row) for row in rows], kind="stable")
    found = torch.empty(len(rows), model.encoder.config.hidden_size)
    for begin in range(0, len(order), BATCH):
        part = order[begin : begin + BATCH]
        sequences = plain([rows[i] for i in part], longest).to(device)
        found[part] = (model.keys(sequences) if key else model.queries(sequences)).float().cpu()
        subject.progress(phase, begin + len(part), len(order))
    return found


def trained_temperature(subject: Subject) -> float:
    """What scores are divided by in training; 1 where the run was not trained on the contrast."""
    contrast = subject.model.settings.contrast
    return contrast.temperature if contrast.enabled else 1.0


def fitted_scale(subject: Subject, directions: Sequence[Direction], count: int) -> float:
    """The factor on the scores, 1 / temperature, with the tightest bound on the pairs kept for fitting.

    Those have fewer candidates than `count`, so each negative stands for several.
    """
    scores, weights = [], []
    for one in directions:
        rows = min(FITTED_QUERIES, one.fitted)
        scores.append(one.queries[:rows] @ one.keys[: one.fitted].T)
        weights.append(one.share)
    share = torch.tensor(weights) / sum(weights)
    stands_for = math.log((count - 1) / (directions[0].fitted - 1))

    def loss(log_scale: float) -> float:
        return float(
            sum(
                w * _fit_loss(s * math.exp(log_scale), stands_for) for w, s in zip(share, scores, strict=True)
            )
        )

    middle = -math.log(trained_temperature(subject))
    found: Any = minimize_scalar(
        loss, bounds=(middle - 4, middle + 4), method="bounded", options={"xatol": 0.01}
    )
    return math.exp(float(found.x))


def _fit_loss(scores: Tensor, stands_for: float) -> Tensor:
    positive = scores.diagonal()
    others = scores.clone().fill_diagonal_(-torch.inf)
    return (torch.logaddexp(positive, others.logsumexp(1) + stands_for) - positive).mean()


def contrast_row(
    subject: Subject, directions: Sequence[Direction], count: int, scale: float | None, seed: int = 0
) -> Row:
    """The InfoNCE bound with so many candidates, mean over the directions; `scale` None: as trained.

    The interval is a bootstrap over queries, the same in all directions, whose rows share their meanings.
    """
    contrast = subject.model.settings.contrast
    temperature = trained_temperature(subject) if scale is None else 1 / scale
    queries = min(QUERIES, *(len(one.queries) - one.fitted for one in directions))
    terms = np.stack([contrast_terms(one, count, temperature, queries) for one in directions])
    share = np.array([one.share for one in directions])
    share = share / share.sum()
    per_query = share @ terms
    value = float(per_query.mean())
    size = len(per_query)
    weights = np.random.default_rng([seed, 5]).multinomial(size, np.full(size, 1 / size), RESAMPLES) / size
    low, high = np.quantile(weights @ per_query, [0.025, 0.975])
    cosine = contrast.normalise or not contrast.enabled
    world = subject.world
    truth = None if world is None else float(
        sum(p * world.information_between(one.source, one.target) for p, one in zip(share, directions, strict=True))
    )  # fmt: skip
    alone = directions[0] if len(directions) == 1 else None
    return ledger_row(
        "xlco", value, float(low), float(high), math.log(count),
        truth=truth,
        truth_error=None if world is None else 0.0,
        method="infonce" if scale is None else "infonce, temperature fitted",
        layer=contrast.layer if contrast.enabled else subject.model.settings.evaluation_layer,
        source=alone.source if alone else None,
        target=alone.target if alone else None,
        n=terms.size,
        candidates=count,
        temperature=temperature,
        effective_ceiling=reachable(count, temperature) if cosine else None,
        pairs=[f"{one.source}-{one.target}" for one in directions],
    )  # fmt: skip


@torch.no_grad()
def contrast_terms(one: Direction, count: int, temperature: float, queries: int = QUERIES) -> np.ndarray:
    """InfoNCE in nats of each query among so many candidates: its translation and those of others.

    Few candidates: each query meets those of its own group; many: all queries meet the same.
    """
    q, k = one.queries[one.fitted :] / temperature, one.keys[one.fitted :]
    queries = min(queries, len(q))
    groups = max(1, queries // count)
    rows = min(count, queries)
    terms: list[Tensor] = []
    for group in range(groups):
        asked, offered = q[group * rows : (group + 1) * rows], k[group * count : (group + 1) * count]
        blocks = Blocks(lambda start, stop, a=asked, b=offered: a[start:stop] @ b.T, len(asked), block=64)
        terms.append(infonce(blocks).terms)
    return torch.cat(terms).double().numpy()


def reachable(count: int, temperature: float) -> float:
    """The most that cosines over a temperature can show: log n - log(1 + (n - 1) exp(-2 / temperature)).

    >>> round(reachable(4096, 0.1), 3), round(reachable(4096, 1.0), 3)
    (8.318, 1.998)
    """
    return math.log(count) - math.log1p((count - 1) * math.exp(-2 / temperature))


# rows


def ledger_row(
    task: str,
    nats: float,
    low: float,
    high: float,
    ceiling: float | None,
    kind: str = "lower bound",
    **known: Any,
) -> Row:
    """One line of the ledger, with the keys that `lab information` prints; None where a field does not apply."""
    empty: Row = dict.fromkeys(
        ("layer", "source", "target", "method", "truth", "truth_error", "n", "candidates", "temperature",
         "effective_ceiling", "pairs")
    )  # fmt: skip
    row = {
        "task": task,
        **empty,
        "nats": nats,
        "low": low,
        "high": high,
        "kind": kind,
        "ceiling": ceiling,
        **known,
    }
    truth = row["truth"]
    attainable = None if truth is None else min(truth, math.inf if ceiling is None else ceiling)
    row["share"] = nats / truth if truth and truth > 0 else None
    row["share_of_attainable"] = nats / attainable if attainable and attainable > 0 else None
    return {**row, "words": words(row)}


def words(row: Mapping[str, Any]) -> str:
    """A row in one sentence that cannot be misread.

    >>> print(words({"task": "xlco", "kind": "lower bound", "nats": 4.1, "low": 4.0, "high": 4.2, "ceiling": 4.852,
    ...              "candidates": 128, "truth": 13.9, "effective_ceiling": None}))
    at least 4.10 nats [4.00, 4.20]; cannot show more than 4.85 with 128 candidates; the truth is 13.90
    """
    interval = f"{row['nats']:.2f} nats [{row['low']:.2f}, {row['high']:.2f}]"
    of_truth = "the truth is"
    if row["kind"] != "lower bound":
        parts = [f"TLM less MMLM on the same languages: {interval}", "a difference of bounds, not a bound"]
        of_truth = "in truth the translation adds"
    else:
        parts = [f"at least {interval}" if row["nats"] > 0 else f"shows nothing: the bound is {interval}"]
        of = f"with {row['candidates']:,} candidates" if row["candidates"] else "= H(token)"
        parts.append(f"cannot show more than {row['ceiling']:.2f} {of}")
        cap = row["effective_ceiling"]
        if cap is not None and cap < row["ceiling"] - 0.005:
            parts.append(f"its cosines at temperature {row['temperature']:.3g} not more than {cap:.2f}")
    parts.append("the truth is not known" if row["truth"] is None else f"{of_truth} {row['truth']:.2f}")
    return "; ".join(parts)


def scores(rows: Iterable[Row]) -> pd.DataFrame:
    """The ledger as tidy scores of the run."""
    table = pd.DataFrame(list(rows))
    count = [f" {int(c)} candidates" if c == c and c else "" for c in table["candidates"].astype(float)]
    metric = table["task"] + " " + table["method"] + count
    kept = table.assign(metric=metric, value=table["nats"], unit="nats", task="information")
    return kept.fillna({"source": "", "target": ""})


# estimates on sentence vectors


def estimates_of_run(
    run: Run,
    method: str = "auto",
    layers: Sequence[int] | None = None,
    pairs: int = PAIRS,
    meanings: int = 2_000,
    seed: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """I(sentence vector; translation's vector) by layer and pair of languages, on meanings that did not train.

    Args:
        run: with a checkpoint.
        method: of `core.information.estimate`.
        layers: hidden states, 0 = embeddings; default: the one that retrieval reads.
        pairs: how many pairs of languages, drawn with the run's own probabilities.
        meanings: unseen ones from a world; other text has those that the run holds out.
        seed: of everything drawn here.
        progress: called with a phase, how much of it is done, and how much there is.

    Raises:
        InputError: no checkpoint, no translations, no such layer, or fewer than 100 meanings.
    """
    subject = open_subject(run, progress)
    if not subject.pairs:
        raise InputError(f"run {run.name} has no translations to estimate information between")
    model, settings = subject.model, subject.model.settings
    top = model.encoder.config.num_hidden_layers
    wanted = [min(settings.evaluation_layer, top)] if layers is None else sorted(set(layers))
    if not all(0 <= layer <= top for layer in wanted):
        raise InputError(f"expected layers from 0 to {top}, got {' '.join(map(str, wanted))}")
    chosen = [pair for pair in chosen_pairs(subject.pairs, pairs, seed) if pair[0] < pair[1]]
    tags = sorted({tag for pair in chosen for tag in pair})
    texts = unseen(subject, dict.fromkeys(tags, meanings), seed)
    vectors = {
        tag: encode(model, subject.tokenizer, texts[tag][1], wanted, settings.measure.pooling) for tag in tags
    }
    rows: list[Row] = []
    for layer in wanted:
        for pair in chosen:
            truth = None if subject.world is None else subject.world.information_between(*pair)
            meant = {tag: (texts[tag][0], vectors[tag][layer]) for tag in pair}
            subject.progress("estimating", len(rows), len(wanted) * len(chosen))
            rows += estimate_pairs(meant, layer, method, seed, [pair], truth)
    subject.progress("estimating", len(rows), len(rows))
    document = {"run": run.name, "step": subject.step, "rows": rows}
    run.write_document("estimates", document)
    return document
