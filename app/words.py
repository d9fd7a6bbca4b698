"""Numbers as text, with unit and interval."""

import math


def percent(value: float, low: float | None = None, high: float | None = None) -> str:
    """A share as a percentage.

    >>> percent(0.78, 0.762, 0.797)
    '78.0 % [76.2, 79.7]'
    """
    if math.isnan(value):
        return "–"
    percentage = f"{100 * value:.1f} %"
    return percentage if low is None or high is None else f"{percentage} [{100 * low:.1f}, {100 * high:.1f}]"


def guessing(chance: float, pools: str) -> str:
    """The chance level and the pool in words; the per cent sign stays on the line of its number.

    >>> guessing(0.002, "300 to 1,000").replace("\u00a0", " ")
    'guessing finds 0.2 % among 300 to 1,000 sentences'
    """
    return f"guessing finds {100 * chance:.2g}\u00a0% among {pools} sentences"


def nats(value: float, low: float | None = None, high: float | None = None) -> str:
    """An information in nats, with its interval.

    >>> nats(4.381, 4.35, 4.41)
    '4.38 nats [4.35, 4.41]'
    """
    if math.isnan(value):
        return "–"
    amount = f"{value:.2f} nats"
    return amount if low is None or high is None else f"{amount} [{low:.2f}, {high:.2f}]"


def duration(seconds: float) -> str:
    """A duration in words.

    >>> duration(95)
    '1 min 35 s'
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    minutes, rest = divmod(seconds, 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left} min" if hours else f"{minutes} min {rest} s"
