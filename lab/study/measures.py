"""What a finished cell shows on held-out text, unit by unit, so that arms can be compared on the same sentences."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from core.config import Settings
from core.errors import InputError
from lab.evaluate.ledger.contrast import contrast_terms, fitted_scale
from lab.evaluate.ledger.masked import cross_entropies, masked_examples
from lab.evaluate.ledger.subject import ALONE, Subject, open_subject, shares_of, truth_of
from lab.evaluate.ledger.translations import QUERIES, Pools, chosen_pairs
from lab.evaluate.means import by_meaning, mean_accuracy
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.vectors import encode
from lab.store import Run
from lab.study.metrics import LAYER
from lab.study.scales import Protocol

BINS: Final = 40
MEASURED: Final = "measured"
Progress = Callable[[str, int, int], None]


def measure(run: Run, base: Settings, protocol: Protocol, progress: Progress) -> pd.DataFrame:
    """The units of a cell: metric, part, unit, total, weight, ceiling, truth, chance; kept in the run's folder.

    A metric is the sum over its parts of sum(total) / sum(weight). Languages and pairs are read in the proportions of
    `base`, whatever the arm trained on, and draws depend on the seed alone: arms of one seed read the same sentences.
    """
    key = {"protocol": protocol.model_dump(), "text": base.text.model_dump()}
    kept, table = run.document(MEASURED), run.table(MEASURED)
    if kept == key and table is not None:
        return table
    subject = open_subject(run, progress, base.text)
    parts = [_seconds(run), *_retrieval(subject), *_masked(subject, protocol), *_contrast(subject, protocol)]
    table = pd.concat(parts, ignore_index=True)
    run.write_table(MEASURED, table)
    run.write_document(MEASURED, key)
    return table


def _units(
    metric: str,
    part: str,
    unit: Sequence[int] | np.ndarray,
    total: Any,
    weight: Any,
    ceiling: float = math.nan,
    truth: float = math.nan,
    chance: float = math.nan,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "metric": metric,
            "part": part,
            "unit": np.asarray(unit, dtype=np.int64),
            "total": np.asarray(total, dtype=np.float64),
            "weight": np.asarray(weight, dtype=np.float64),
            "ceiling": ceiling,
            "truth": truth,
            "chance": chance,
        }
    )


def _seconds(run: Run) -> pd.DataFrame:
    return _units("seconds", "", [0], [float(run.steps()["elapsed"].max())], [1.0])


def _retrieval(subject: Subject) -> Iterable[pd.DataFrame]:
    """Per held-out meaning the share of directions in which its sentence finds its translation, at every layer.

    Nothing where no direction is large enough to be averaged.
    """
    settings, run = subject.run.info.settings, subject.run
    top = subject.model.encoder.config.num_hidden_layers
    sentences = run.held_out()
    vectors = encode(
        subject.model, subject.tokenizer, sentences["text"].tolist(), range(top + 1), settings.measure.pooling,
        lambda done, of: subject.progress("encoding", done, of),
    )  # fmt: skip
    chosen = settings.evaluation_layer_of(top)
    for layer, values in vectors.items():
        directions = retrieval(sides_of(sentences, values))
        mean = mean_accuracy(directions)
        if mean is None:
            return
        meanings, total, weight = by_meaning(directions)
        yield _units(f"{LAYER}{layer}", "", meanings, total, weight, chance=mean.chance)
        if layer == chosen:
            yield _units("retrieval", "", meanings, total, weight, chance=mean.chance)


def _masked(subject: Subject, protocol: Protocol) -> Iterable[pd.DataFrame]:
    """MMLM and TLM: H(token) less the cross-entropy of masked tokens, per meaning, and what the translation adds."""
    seed = subject.run.info.settings.seed
    known = truth_of(subject, protocol.truth_sentences)
    entropies = {
        task: subject.token_entropies["mmlm" if task == "mmlm" else "tlm"] for task in ("mmlm", "tlm", ALONE)
    }
    entropies |= {task: one.token_entropy_nats for task, one in known.items()}
    exact = {task: known[task].information_nats if known else math.nan for task in entropies}
    for task, entropy in entropies.items():
        examples = masked_examples(subject, shares_of(subject, task), protocol.sentences, seed)
        sums, counts = cross_entropies(subject, examples, task)
        told = pd.DataFrame({"unit": [one.meaning for one in examples], "sum": sums, "count": counts})
        told = told.groupby("unit", as_index=False).sum()
        unit, loss, weight = told["unit"].to_numpy(), told["sum"].to_numpy(), told["count"].to_numpy()
        gain = entropy * weight - loss
        if task != ALONE:
            yield _units(task, "", unit, gain, weight, entropy, exact[task])
            yield _units(f"{task}_loss", "", unit, loss, weight)
        if task != "mmlm":
            sign, added = 1 if task == "tlm" else -1, exact["tlm"] - exact[ALONE]
            yield _units("tlm_minus_mmlm", task, unit, sign * gain, weight, truth=added)


def _contrast(subject: Subject, protocol: Protocol) -> Iterable[pd.DataFrame]:
    """XLCO: InfoNCE per query with the protocol's candidates, as far as there are so many, and with training's own."""
    settings, seed = subject.run.info.settings, subject.run.info.settings.seed
    own = num_candidates(settings)
    chosen = chosen_pairs(subject.pairs, protocol.directions, seed)
    pools = Pools(subject, chosen, (protocol.candidates, *([own] if own else [])), seed)
    share = np.array([one.share for one in pools.directions])
    truth = math.nan
    if subject.world is not None:
        exact = [subject.world.information_between(one.source, one.target) for one in pools.directions]
        truth = float(share @ np.array(exact))
    room = min(len(one.keys) - one.fitted for one in pools.directions)
    if room < 2:
        raise InputError(
            f"XLCO is measured on held-out translations, got {room} in some pair: hold out more meanings"
        )
    # a power of two, which stays one where other text holds out less than the protocol asks for
    asked = min(protocol.candidates, 2 ** int(math.log2(room)))
    queries = min(QUERIES, *(len(one.queries) - one.fitted for one in pools.directions))
    for metric, count in (("xlco", asked), ("xlco_trained", own)):
        if not count or count > room:
            continue
        temperature = 1 / fitted_scale(subject, pools.directions, count)
        terms = share @ np.stack(
            [contrast_terms(one, count, temperature, queries) for one in pools.directions]
        )
        unit = np.arange(len(terms))
        yield _units(metric, "", unit, terms, np.ones(len(terms)), math.log(count), truth)
        if metric == "xlco":
            yield _units("xlco_loss", "", unit, math.log(count) - terms, np.ones(len(terms)))


def num_candidates(settings: Settings) -> int:
    """Candidates of a query in training, its own translation among them; 0 without contrast."""
    contrast = settings.contrast
    if not contrast.enabled:
        return 0
    return (settings.examples[2] if contrast.in_batch else 1) + contrast.queue


def learning_curves(run: Run) -> pd.DataFrame:
    """What a cell recorded while it trained: step, metric, value; losses as means over a fortieth of the steps."""
    steps = run.steps()
    measured = steps.reindex(columns=["step", "retrieval"]).dropna(subset=["retrieval"])
    parts = [pd.DataFrame({"step": measured["step"], "metric": "retrieval", "value": measured["retrieval"]})]
    trained = steps[steps["step"] > 0]
    width = max(1, math.ceil(len(trained) / BINS))
    ends = (((trained["step"] - 1) // width + 1) * width).clip(upper=trained["step"].max())
    for column in [name for name in steps.columns if name.startswith(("losses.", "bounds."))]:
        kind, task = column.split(".")
        means = trained[column].groupby(ends).mean()
        metric = f"{task}_loss" if kind == "losses" else task
        parts.append(pd.DataFrame({"step": means.index, "metric": metric, "value": means.to_numpy()}))
    return pd.concat(parts, ignore_index=True)
