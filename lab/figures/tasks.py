"""The pretext tasks as they are drawn and called everywhere, and the units of their bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lab.figures.metrics import Metric

PER_TOKEN: Final = "nats per masked token"
PER_LINK: Final = "nats per linked token"
PER_PAIR: Final = "nats per sentence pair"
PER_SENTENCE: Final = "nats per sentence"
GREY: Final = "#71808f"
"""Colour of a task without a style."""


@dataclass(frozen=True)
class TaskStyle:
    """How a pretext task is drawn and described.

    Attributes:
        key: of its bound in step records and in the ledger.
        section: of its settings.
        name: as shown.
        colour, dash: of its curves.
        information: what it bounds from below.
        ceiling: what the bound cannot exceed, in words.
        unit: of the bound.
        idea: what the model does, in one sentence.
        formula: the bound in LaTeX.
        limit: what the ceiling means, in one sentence.
        metrics: by which studies compare runs; the ledger's room of the task measures them.
    """

    key: str
    section: str
    name: str
    colour: str
    dash: str
    information: str = ""
    ceiling: str = ""
    unit: str = "nats"
    idea: str = ""
    formula: str = ""
    limit: str = ""
    metrics: tuple[Metric, ...] = ()


STYLES: Final[dict[str, TaskStyle]] = {
    style.key: style
    for style in (
        TaskStyle(
            "mmlm", "mmlm", "MMLM", "#8a63c7", "dot",
            "I(context; masked token)", "H(token)", PER_TOKEN,
            "Hide a token, guess it from its sentence.",
            r"I(c;\,x) \;\ge\; H(x) - \mathcal{L}_\mathrm{MMLM}",
            "The ceiling is $H(x)$: nothing can tell more about a token than the token holds.",
            (
                Metric("mmlm", "MMLM: I(context; token)", "nats", bound=True),
                Metric("mmlm_own", "MMLM of its own sentences: I(context; token)", "nats", bound=True),
                Metric("mmlm_loss", "held-out MMLM loss", "nats", "lower"),
                Metric("mmlm_own_loss", "held-out MMLM loss of its own sentences", "nats", "lower"),
            ),
        ),
        TaskStyle(
            "tlm", "tlm", "TLM", "#b98300", "dash",
            "I(context, translation; masked token)", "H(token)", PER_TOKEN,
            "Guess it from its sentence *and* the translation.",
            r"I(c,c';\,x) \;\ge\; H(x) - \mathcal{L}_\mathrm{TLM}",
            "Same ceiling. Minus the row of MMLM it is what the translation adds.",
            (
                Metric("tlm", "TLM: I(context, translation; token)", "nats", bound=True),
                # a difference of two bounds bounds nothing and may exceed the truth
                Metric("tlm_minus_mmlm", "TLM − MMLM: I(translation; token | context), estimated", "nats"),
                Metric("wrong_translation", "wrong translation: what it costs a masked token", "nats"),
                Metric("tlm_loss", "held-out TLM loss", "nats", "lower"),
            ),
        ),
        TaskStyle(
            "xlco", "contrast", "XLCO", "#0f8f8f", "solid",
            "I(sentence; translation)", "log(candidates)", PER_PAIR,
            "Find the translation among many candidates.",
            r"I(s;\,s') \;\ge\; \log N - \mathcal{L}_\mathrm{XLCO}",
            "The ceiling is $\\log N$ for $N$ candidates: more candidates can show more.",
            (
                Metric("xlco", "XLCO: I(sentence; translation)", "nats", bound=True),
                Metric("xlco_trained", "XLCO with as many candidates as in training", "nats", bound=True),
                Metric("xlco_loss", "held-out XLCO loss", "nats", "lower"),
            ),
        ),
        TaskStyle(
            "weam", "weam", "WEAM-style", "#b4467a", "longdash",
            "I(context, translation, alignment; masked token)", "H(linked token)", PER_TOKEN,
            "Guess it from the words of the translation that an aligner links to it (a reconstruction of WEAM).",
            r"I(c,c',A;\,x) \;\ge\; H(x) - \mathcal{L}_\mathrm{WEAM}",
            "The ceiling is $H(x)$ of the tokens that have links. The links were read off both whole sentences.",
            (
                Metric("weam", "WEAM-style: I(context, translation, alignment; token)", "nats", bound=True),
                Metric("weam_loss", "held-out WEAM-style loss", "nats", "lower"),
            ),
        ),
        TaskStyle(
            "dwa", "dwa", "DWA", "#3f74b5", "9px,3px,3px,3px",
            "I(masked pair; place of the aligned token)", "H(place)", PER_LINK,
            "Hide a token, point at the word of the translation that the model itself aligned it to.",
            r"I(\tilde s,\tilde s';\,j) \;\ge\; H(j) - \mathcal{L}_\mathrm{DWA}",
            "The ceiling is $H(j)$ of the places that are pointed at. The model aligned them, rightly or not.",
            (
                Metric("dwa", "DWA: I(masked pair; place of the aligned token)", "nats", bound=True),
                Metric("dwa_loss", "held-out DWA loss", "nats", "lower"),
            ),
        ),
    )
}  # fmt: skip
"""Styles by key, in the order in which tasks are shown."""
ADDED: Final = "tlm - mmlm"
"""Row of the ledger for I(translation; token | context), estimated by TLM less MMLM on the same tokens."""
MMLM_OWN: Final = "mmlm of its own sentences"
"""Row of the ledger for MMLM of sentences as it draws them in training; pairs may see some languages more often."""


def style_of(key: str) -> TaskStyle:
    """The style of a task; a task without one is grey and has its key as name.

    >>> style_of("order").name
    'order'
    """
    return STYLES.get(key) or TaskStyle(key, key, key, GREY, "dashdot")


def styles_of(keys: Iterable[str]) -> list[TaskStyle]:
    """The styles of tasks: those of `STYLES` in their order, then the others as they come.

    >>> [style.key for style in styles_of(["order", "xlco", "mmlm"])]
    ['mmlm', 'xlco', 'order']
    """
    wanted = dict.fromkeys(keys)
    known = [key for key in STYLES if key in wanted]
    return [style_of(key) for key in (*known, *(key for key in wanted if key not in STYLES))]


def recorded(columns: Iterable[str]) -> list[TaskStyle]:
    """The tasks whose bounds a step record holds.

    >>> [style.name for style in recorded(["step", "losses.tlm", "bounds.tlm"])]
    ['TLM']
    """
    return styles_of(
        column.removeprefix("bounds.") for column in columns if str(column).startswith("bounds.")
    )
