"""The studies: each a question, and the settings in which its arms differ from one base."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Final

from core.config import Settings
from core.errors import unknown
from lab.recipes import Changes, changed
from lab.store.study import Contrast


@dataclass(frozen=True)
class Arm:
    """One way to train: a name fit for a folder, how it is shown, and its changes to the base."""

    name: str
    label: str
    changes: Changes


@dataclass(frozen=True)
class Study:
    """A question, its arms and the metrics that answer it first.

    `base` changes the recipe for all arms. The other arms are compared with `reference`; None: with the arm that has
    the base's own settings. `world_only` where the question needs text whose information is known; `unequal` where
    languages must differ in how much text they have.

    `contrasts` are the primary comparisons, one family for the correction of p-values; without any they are all arms
    against the reference in the first of `metrics`. Every other comparison of the study is exploratory.
    """

    name: str
    question: str
    arms: Callable[[Settings], tuple[Arm, ...]]
    metrics: tuple[str, ...]
    base: Changes = field(default_factory=dict)
    reference: str | None = None
    contrasts: tuple[Contrast, ...] = ()
    world_only: bool = False
    unequal: bool = False


MEMORY: Final = {
    "contrast": {
        "keys": "momentum",
        "momentum": 0.99,
        "queue": 1_024,
        "prefill": True,
        "in_batch": False,
        "directions": "one",
    }
}
"""Contrast as published, against a queue of keys from a slow encoder, with a momentum that suits a thousand steps."""

RELEASED_MASKS: Final = {"rate": 0.15, "mask_share": 0.8, "random_share": 0.1}
"""How InfoXLM masks, in the paper and as released."""

TASK_NAMES: Final = {"mmlm": "MMLM", "tlm": "TLM", "contrast": "XLCO"}


def task_arms(base: Settings) -> tuple[Arm, ...]:
    """All seven non-empty combinations, the smaller ones first.

    Where one of MMLM and TLM is left out, the other reads its sentences as well, so that all arms that mask have
    equally many sentences masked in a step, and differ in what stands beside a sentence alone. XLCO reads text of
    its own, in which nothing is masked.
    """
    combinations = sorted(
        (on for on in product((True, False), repeat=3) if any(on)),
        key=lambda on: (sum(on), [not o for o in on]),
    )
    arms = []
    for on in combinations:
        tasks = [task for task, enabled in zip(TASK_NAMES, on, strict=True) if enabled]
        label = " + ".join(TASK_NAMES[task] for task in tasks)
        changes = {
            task: {"enabled": task in tasks, **_masked_alone(base, task, tasks)} for task in TASK_NAMES
        }
        arms.append(Arm(label.lower().replace(" + ", "-"), label, changes))
    return tuple(arms)


def _masked_alone(base: Settings, task: str, tasks: Sequence[str]) -> Changes:
    """The examples of a masked task that reads the sentences of the other as well; a pair holds two sentences."""
    sentences, pairs = base.examples_of("mmlm"), base.examples_of("tlm")
    if task == "mmlm" and "tlm" not in tasks:
        return {"examples": sentences + 2 * pairs}
    if task == "tlm" and "mmlm" not in tasks:
        return {"examples": pairs + sentences // 2}
    return {}


def layer_arms(base: Settings) -> tuple[Arm, ...]:
    """Contrast at every hidden state; retrieval then reads the one that was contrasted."""
    return tuple(
        Arm(f"layer-{at}", f"layer {at}", {"contrast": {"layer": at}, "measure": {"layer": at}})
        for at in range(base.model.layers + 1)
    )


def queue_arms(base: Settings) -> tuple[Arm, ...]:
    """From few candidates with fresh keys to many with stale ones."""
    return tuple(
        Arm(f"queue-{size}", f"queue {size:,}", {"contrast": {"queue": size}})
        for size in (64, 256, 1_024, 4_096)
    )


def momentum_arms(base: Settings) -> tuple[Arm, ...]:
    """A frozen key encoder, and one that follows in float32 or in float16, fast or slowly."""
    arms = [
        Arm(
            f"{precision.replace('float', 'fp')}-{momentum}",
            f"{precision}, momentum {momentum}",
            {"contrast": {"momentum": momentum, "momentum_precision": precision}},
        )
        for momentum in (0.99, 0.999, 0.9999)
        for precision in ("float32", "float16")
    ]
    return (*arms, Arm("frozen", "frozen keys", {"contrast": {"momentum": 1.0}}))


def weighting_arms(base: Settings) -> tuple[Arm, ...]:
    """Three means; one sum over one count; the weights of that sum at the published batch shapes; those of the recipe.

    On short sentences the sum weighs tasks less unequally than on the published 510-token blocks, where one pair
    of sentences weighs as much as one masked token and the contrast has about an eightieth of the weight of MMLM.
    """
    alike = {task: {"weight": 1.0} for task in TASK_NAMES}
    published = {"mmlm": {"weight": 1.0}, "tlm": {"weight": 1 / 7}, "contrast": {"weight": 1 / 80}}
    arms = (
        Arm("mean", "three means", alike),
        Arm("token-sum", "one token sum", {**alike, "batch": {"reduction": "token-sum"}}),
        Arm("published-weights", "weights of the published token sum", published),
    )
    recipe_arm = Arm("recipe", "weights of the recipe", {})
    return arms if changed(base, alike) == base else (*arms, recipe_arm)


def temperature_arms(base: Settings) -> tuple[Arm, ...]:
    """From sharp to blunt."""
    return tuple(
        Arm(f"temperature-{value}", f"temperature {value}", {"contrast": {"temperature": value}})
        for value in (0.05, 0.1, 0.25, 0.5, 1.0)
    )


def mixup_arms(base: Settings) -> tuple[Arm, ...]:
    """One pair at a time, two pairs joined as released, two pairs joined as published."""
    return (
        Arm("one-pair", "one pair", {"contrast": {"mixup": False}}),
        Arm("same-languages", "two pairs, same languages", {"contrast": {"mixup": True, "mixup_languages": "same"}}),
        Arm("other-languages", "two pairs, any languages", {"contrast": {"mixup": True, "mixup_languages": "other"}}),
    )  # fmt: skip


def disagreement_arms(base: Settings) -> tuple[Arm, ...]:
    """The contrast as it is by default, and with one choice at a time made the other way.

    By default inputs are whole, each side has one language, and a sentence of the same meaning is no negative. All arms
    mask as released (15 %, of which 80 % are shown as `<mask>`), which is how the arm that masks its inputs masks them.
    Weighting and precision of the momentum, on which paper and code differ as well, have studies of their own.
    """
    return (
        Arm("default", "default", {}),
        Arm("masked-inputs", "masked inputs (released)", {"contrast": {"mask_inputs": True}}),
        Arm("mixed-sides", "sides mix languages (paper)", {"contrast": {"mixup_languages": "other"}}),
        Arm("same-meaning", "same meaning as negative (released)", {"contrast": {"exclude_same_meaning": False}}),
    )  # fmt: skip


def pair_arms(base: Settings) -> tuple[Arm, ...]:
    """English as pivot or all pairs of languages, drawn alike, with the paper's exponent, or as they occur."""
    return tuple(
        Arm(
            f"{'all-pairs' if pivot is None else f'pivot-{pivot}'}-{exponent}",
            f"{'all pairs' if pivot is None else f'pivot {pivot}'}, exponent {exponent}",
            {"text": {"pivot": pivot, "exponent": exponent}},
        )
        for pivot in ("en", None)
        for exponent in (0.0, 0.7, 1.0)
    )


def noise_arms(base: Settings) -> tuple[Arm, ...]:
    """From clean translations to four in five mistranslated."""
    return tuple(
        Arm(f"noise-{share}", f"{100 * share:.0f} % mistranslated", {"world": {"noise": share}})
        for share in (0.0, 0.1, 0.2, 0.4, 0.8)
    )


def candidate_arms(base: Settings) -> tuple[Arm, ...]:
    """The sentences of one batch as each other's candidates: fewer and more than the recipe has."""
    usual = base.examples_of("contrast")
    return tuple(
        Arm(f"candidates-{count}", f"{count:,} candidates", {"contrast": {"examples": count}})
        for count in (usual // 16, usual // 4, usual, 4 * usual)
    )


def vocabulary_arms(base: Settings) -> tuple[Arm, ...]:
    """One unigram vocabulary of all text, equal shares, and VoCap from weights that are all alike to those of the text.

    At two sizes where languages compete for room: 40 % of the recipe's tokens and half of that, since unigram training
    finds fewer pieces in the world's text than byte pairs; of a very small recipe all and half.
    """
    largest = (
        base.tokenizer.vocabulary * 2 // 5 if base.tokenizer.vocabulary > 2_000 else base.tokenizer.vocabulary
    )
    kinds: dict[str, tuple[str, Changes]] = {
        "joint": ("joint", {"allocation": "joint", "algorithm": "unigram"}),
        "equal": ("equal", {"allocation": "equal"}),
    }
    for beta in (0.0, 0.5, 0.7, 1.0):
        kinds[f"vocap-{beta}"] = f"VoCap, beta {beta}", {"allocation": "vocap", "beta": beta}
    return tuple(
        Arm(f"{name}-{share}", f"{label}, {size:,}", {"tokenizer": {**changes, "vocabulary": size}})
        for share, size in (("half", largest // 2), ("full", largest))
        for name, (label, changes) in kinds.items()
    )


LEDGER: Final = ("retrieval", "mmlm", "tlm", "tlm_minus_mmlm", "wrong_translation", "xlco", "tokens")
CONTRAST: Final = ("retrieval", "xlco", "xlco_trained", "mmlm")
JOINT: Final = "mmlm-tlm-xlco"
TASK_CONTRASTS: Final = (
    Contrast(metric="retrieval", arm="mmlm-tlm", reference="mmlm", margin=0.01),
    Contrast(metric="retrieval", arm="mmlm-xlco", reference="mmlm", margin=0.01),
    Contrast(metric="retrieval", arm=JOINT, reference="mmlm-tlm", margin=0.01),
    Contrast(metric="retrieval", arm=JOINT, reference="xlco", margin=0.01),
    Contrast(metric="mmlm", arm="mmlm-tlm", reference="mmlm", margin=0.05),
    Contrast(metric="tlm", arm=JOINT, reference="mmlm-tlm", margin=0.05),
    Contrast(metric="tlm", arm=JOINT, reference="tlm-xlco", margin=0.05),
    Contrast(metric="wrong_translation", arm=JOINT, reference="mmlm-tlm", margin=0.05),
)
"""Claims of the paper on its tasks; margins are shares for retrieval and nats for the other metrics."""
VOCABULARY: Final = (
    "retrieval", "retrieval_worst", "retrieval_spread", "mmlm_meaning", "tlm_meaning", "mmlm_worst", "mmlm_spread",
)  # fmt: skip
VOCABULARY_CONTRASTS: Final = tuple(
    Contrast(metric=metric, arm=f"vocap-{beta}-{size}", reference=f"{rival}-{size}", margin=margin)
    for size in ("half", "full")
    for metric, beta, rival, margin in (
        ("retrieval", "0.7", "joint", 0.01),
        ("mmlm_meaning", "0.7", "joint", 0.5),
        ("mmlm_worst", "0.7", "joint", 0.5),
        ("mmlm_worst", "0.0", "vocap-1.0", 0.5),
    )
)
"""Does VoCap serve sentences and the costliest language better than a joint vocabulary, and does a small beta?"""

STUDIES: Final[dict[str, Study]] = {
    study.name: study
    for study in (
        Study("tasks", "What does each pretext task add?", task_arms, LEDGER, reference="mmlm",
              contrasts=TASK_CONTRASTS),
        Study("layer", "Which layer should be contrasted, and where does meaning live?", layer_arms,
              ("retrieval", "xlco", "mmlm")),
        Study("queue", "Do more, but older, candidates help?", queue_arms, CONTRAST, MEMORY),
        Study("momentum", "Must the key encoder follow, and in which precision?", momentum_arms, CONTRAST, MEMORY),
        Study("weighting", "How should the three losses be weighed?", weighting_arms, LEDGER, MEMORY),
        Study("temperature", "How sharp should the contrast be?", temperature_arms, CONTRAST),
        Study("mixup", "Does joining two pairs help the contrast?", mixup_arms, CONTRAST),
        Study("disagreements", "Where paper and released code differ on the contrast, which choice is better?",
              disagreement_arms, CONTRAST,
              {"contrast": MEMORY["contrast"] | {"mixup": True}, "mmlm": RELEASED_MASKS, "tlm": RELEASED_MASKS},
              reference="default"),
        Study("pair-sampling", "Is English enough as pivot, and how should languages be balanced?", pair_arms,
              ("retrieval", "mmlm", "tlm", "xlco"), unequal=True),
        Study("noise", "What do mistranslated pairs cost, and what information is left?", noise_arms,
              ("retrieval", "xlco", "tlm"), world_only=True),
        Study("vocabulary", "Who should get how much of a shared vocabulary?", vocabulary_arms,
              VOCABULARY, contrasts=VOCABULARY_CONTRASTS, unequal=True),
        Study("candidates", "What does the ceiling log(candidates) hide?", candidate_arms, CONTRAST),
    )
}  # fmt: skip


def study_named(name: str) -> Study:
    """The definition of the study with this name.

    Raises:
        InputError: there is none of this name.
    """
    if name not in STUDIES:
        raise unknown("a study", name, STUDIES)
    return STUDIES[name]
