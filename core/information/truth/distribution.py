"""A distribution with known mutual information."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.errors import InputError
from core.information.estimators.typed_scipy import Array

Draw = Callable[[int, np.random.Generator], tuple[Array, Array]]
Map = Callable[[Array], Array]


@dataclass(frozen=True)
class KnownInformation:
    """Paired variables with known information in nats, in closed form or, where stated, by quadrature.

    The information is infinite for a function of continuous numbers without noise.

    Example:
        >>> from core.information.truth import task
        >>> known = task("1v1-normal-0.75")
        >>> round(known.nats, 3), [part.shape for part in known.sample(5, seed=0)]
        (0.413, [(5, 1), (5, 1)])
    """

    name: str
    nats: float
    draw: Draw

    def sample(self, n: int, seed: int = 0) -> tuple[Array, Array]:
        """Draws n pairs, [n, dx] and [n, dy]; the same seed gives the same pairs.

        Raises:
            InputError: n is below 1.
        """
        if n < 1:
            raise InputError(f"n must be at least 1, got {n}")
        return self.draw(n, np.random.default_rng(seed))

    def through(self, name: str, of_x: Map, of_y: Map) -> "KnownInformation":
        """The same information seen through invertible maps of x and of y."""

        def draw(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
            x, y = self.draw(n, rng)
            return of_x(x), of_y(y)

        return replace(self, name=name, draw=draw)
