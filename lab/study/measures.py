"""What a finished cell shows on held-out text, unit by unit, so that arms can be compared on the same sentences."""

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from core.config import Settings
from lab.evaluate.ledger.contrast import attainable as ideal_critic
from lab.evaluate.ledger.contrast import contrast_loss, fitted_scale, shares_of_directions
from lab.evaluate.ledger.loaded_run import LoadedRun, load_run, masked_tasks, truth_of
from lab.evaluate.ledger.masked import masked_reading, token_entropy
from lab.evaluate.ledger.translations import FEWEST_UNSEEN, Pools, chosen_pairs, share_unseen
from lab.evaluate.ledger.wrong_translation import wrong_translations
from lab.evaluate.means import by_meaning, mean_accuracy
from lab.evaluate.retrieval import retrieval, sides_of
from lab.evaluate.roles import CHANCE, Questions
from lab.evaluate.vectors import encode
from lab.figures.tasks import ADDED, MMLM_OWN
from lab.store import Run
from lab.study.metrics import LAYERS
from lab.study.scales import StudyProtocol

BINS: Final = 40
MEASURED: Final = "measured"
VERSION: Final = 5
"""Of what units mean; those of another version are measured again."""
FEWEST_CANDIDATES: Final = 8
"""Pairs of languages with fewer held-out translations to measure with are left out of XLCO."""
Progress = Callable[[str, int, int], None]


def measure(run: Run, base: Settings, protocol: StudyProtocol, progress: Progress) -> pd.DataFrame:
    """The units of a cell: metric, part, unit, total, weight, ceiling, truth, chance, attainable; kept with the run.

    A metric is the sum over its parts of sum(total) / sum(weight). Languages and pairs are read in the proportions of
    `base`, whatever the arm trained on, and draws depend on the seed alone: arms of one seed read the same sentences.
    """
    key = {"version": VERSION, "protocol": protocol.model_dump(), "text": base.text.model_dump()}
    kept, table = run.document(MEASURED), run.table(MEASURED)
    if kept == key and table is not None:
        return table
    loaded = load_run(run, progress, base.text)
    parts = [
        *_effort(run),
        *_retrieval(loaded),
        *_roles(loaded),
        *_masked(loaded, protocol),
        *_contrast(loaded, protocol),
    ]
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
    attainable: float = math.nan,
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
            "attainable": attainable,
        }
    )


def _effort(run: Run) -> Iterable[pd.DataFrame]:
    """What training took: seconds, and the tokens that its tasks read."""
    steps = run.steps()
    yield _units("seconds", "", [0], [float(steps["elapsed"].max())], [1.0])
    yield _units("tokens", "", [0], [float(steps["tokens"].sum())], [1.0])


def _retrieval(loaded: LoadedRun) -> Iterable[pd.DataFrame]:
    """Per held-out meaning the share of directions in which its sentence finds its translation, at every layer.

    Nothing where no direction is large enough to be averaged.
    """
    sentences = loaded.run.held_out()
    for layer, values, chosen in _states(loaded, sentences["text"].tolist()):
        directions = retrieval(sides_of(sentences, values))
        mean = mean_accuracy(directions)
        if mean is None:
            return
        shares = by_meaning(directions)
        columns = shares.meanings, shares.totals, shares.weights
        yield _units(f"{LAYERS['retrieval']}{layer}", "", *columns, chance=mean.chance)
        if chosen:
            yield _units("retrieval", "", *columns, chance=mean.chance)


def _states(loaded: LoadedRun, texts: Sequence[str]) -> Iterable[tuple[int, np.ndarray, bool]]:
    """Every hidden state: its number, the vectors of the texts, and whether it is the one that evaluations read."""
    settings, top = loaded.run.info.settings, loaded.model.encoder.config.num_hidden_layers
    vectors = encode(
        loaded.model, loaded.tokenizer, texts, range(top + 1), settings.measure.pooling,
        lambda done, of: loaded.progress("encoding", done, of),
    )  # fmt: skip
    for layer, values in vectors.items():
        yield layer, values, layer == settings.evaluation_layer_of(top)


def _roles(loaded: LoadedRun) -> Iterable[pd.DataFrame]:
    """Per held-out role fact the share of directions in which its translation is nearer than that of its exchange.

    At every layer; a mean over the relations, which weigh alike. Nothing where the world tells no role facts.
    """
    questions = Questions.of_held_out(loaded.world, loaded.run.held_out())
    if questions is None:
        return
    for layer, values, chosen in _states(loaded, questions.sentences["text"].tolist()):
        columns = questions.facts, *questions.by_fact(values)
        yield _units(f"{LAYERS['roles']}{layer}", "", *columns, chance=CHANCE)
        if chosen:
            yield _units("roles", "", *columns, chance=CHANCE)


def _masked(loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
    """MMLM and TLM on the same tokens: H(token) less their cross-entropy, per meaning, and what a translation adds."""
    known = truth_of(loaded, protocol.truth_sentences)
    readings = {
        task: masked_reading(loaded, task, protocol.sentences, loaded.run.info.settings.seed)
        for task in masked_tasks(loaded)
        if task != ADDED
    }
    for task, reading in readings.items():
        metric = "mmlm_own" if task == MMLM_OWN else task
        exact = known.get(task)
        entropy = exact.token_entropy_nats if exact else token_entropy(loaded, task)
        truth = exact.information_nats if exact else math.nan
        unit, loss, weight = reading.meanings, reading.sums, reading.counts
        yield _units(metric, "", unit, entropy * weight - loss, weight, entropy, truth, attainable=truth)
        yield _units(f"{metric}_loss", "", unit, loss, weight)
    if "tlm" in readings:
        mmlm, tlm = readings["mmlm"], readings["tlm"]
        truth = known[ADDED].information_nats if known else math.nan
        yield _units(
            "tlm_minus_mmlm",
            "",
            tlm.meanings,
            mmlm.sums - tlm.sums,
            tlm.counts,
            truth=truth,
            attainable=truth,
        )
        cost = wrong_translations(loaded, protocol.sentences, loaded.run.info.settings.seed)
        if cost is not None:
            yield _units("wrong_translation", "", cost.meanings, cost.sums, cost.counts)


def _contrast(loaded: LoadedRun, protocol: StudyProtocol) -> Iterable[pd.DataFrame]:
    """XLCO: the InfoNCE bound with the protocol's candidates, as far as there are so many, and with training's own.

    A unit is a meaning, which counts as query and as candidate: its total is the bound plus what the bound loses
    without it, times the number of meanings (a jackknife), so that the spread of totals is the bound's variance.
    """
    if not loaded.pairs or share_unseen(loaded) <= FEWEST_UNSEEN:
        return
    settings, seed = loaded.run.info.settings, loaded.run.info.settings.seed
    own = num_candidates(settings)
    chosen = chosen_pairs(loaded.pairs, protocol.directions, seed)
    pools = Pools(loaded, chosen, (protocol.candidates, *([own] if own else [])), seed)
    directions = pools.with_room(FEWEST_CANDIDATES)
    room = min(one.room for one in directions)
    truth = math.nan
    if loaded.world is not None:
        shares = shares_of_directions(directions)
        exact = [loaded.world.information_between(one.source, one.target) for one in directions]
        truth = float(np.dot(shares, exact))
    # a power of two, which stays one where other text holds out less than the protocol asks for
    asked = min(protocol.candidates, 2 ** int(math.log2(room)))
    for metric, count in (("xlco", asked), ("xlco_trained", own)):
        if not count or count > room:
            continue
        temperature = 1 / fitted_scale(loaded, directions, count)
        mean = contrast_loss(directions, count, temperature)
        size = len(mean.meanings)
        bound = math.log(count) - mean.mean + size * (mean.change - mean.change.mean())
        ideal = ideal_critic(loaded, directions, count)
        shown = math.nan if ideal is None else ideal.nats
        limits = math.log(count), truth
        yield _units(metric, "", mean.meanings, bound, np.ones(size), *limits, attainable=shown)
        if metric == "xlco":
            yield _units("xlco_loss", "", mean.meanings, math.log(count) - bound, np.ones(size))


def num_candidates(settings: Settings) -> int:
    """Candidates of a query in training, its own translation among them; 0 without contrast."""
    contrast = settings.contrast
    if not contrast.enabled:
        return 0
    return (settings.examples_of("contrast") if contrast.in_batch else 1) + contrast.queue


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
