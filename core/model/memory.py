"""The memory of contrast: a key encoder that follows the query encoder slowly, and a queue of earlier keys."""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from core.errors import InputError


@torch.no_grad()
def momentum_update(
    key_parameters: Iterable[Tensor],
    query_parameters: Iterable[Tensor],
    momentum: float,
    precision: Literal["float32", "float16"] = "float32",
) -> None:
    """key <- momentum * key + (1 - momentum) * query, weight by weight, in place (He et al. 2020).

    In 'float16' the weights, both products and the sum are rounded to float16, as the released --fp16 does, where
    the key encoder has no float32 master. A step smaller than half the distance of two neighbouring float16 numbers,
    about 0.0004 of a weight, is lost.

    Args:
        key_parameters: changed in place.
        query_parameters: in the same order.
        momentum: from 0 to 1; 1 freezes the keys.
        precision: of weights and update.
    """
    for key, query in zip(key_parameters, query_parameters, strict=True):
        if precision == "float16":
            old, new = key.half().float() * momentum, query.half().float() * (1 - momentum)
            key.copy_(old.half() + new.half())
        else:
            key.lerp_(query, 1 - momentum)


class Queue(nn.Module):
    """The last `size` keys with their meanings, first in, first out. Slots not yet filled are no candidates."""

    keys: Tensor
    meanings: Tensor
    state: Tensor

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("keys", torch.zeros(size, hidden))
        self.register_buffer("meanings", torch.full((size,), -1, dtype=torch.int64))
        # next slot to write and slots filled; on the CPU so that reading them never waits for a device
        self.pointer, self.filled = 0, 0

    def get_extra_state(self) -> Tensor:
        return torch.tensor([self.pointer, self.filled])

    def set_extra_state(self, state: Tensor) -> None:
        """Takes the pointer and the number of keys held.

        Raises:
            InputError: no queue of this size can have such numbers.
        """
        numbers = state.flatten().tolist()
        place, count = numbers if len(numbers) == 2 else (-1, -1)
        # a queue that is not full has been filled from its first slot
        full = count == self.size and place in range(max(1, self.size))
        if not full and not (count in range(self.size) and place == count):
            raise InputError(f"expected place and count of keys in a queue of {self.size}, got {numbers}")
        self.pointer, self.filled = int(place), int(count)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Takes keys and meanings of a queue of the same size.

        Raises:
            InputError: the queue had another size.
        """
        size = len(state_dict.get(f"{prefix}keys", self.keys))
        if size != self.size:
            raise InputError(f"size mismatch for {prefix}keys: {size} there, {self.size} in these settings")
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def candidates(self) -> tuple[Float[Tensor, "filled hidden"], Int[Tensor, " filled"]]:
        """Views of the keys and meanings held: valid until the next `push`."""
        return self.keys[: self.filled], self.meanings[: self.filled]

    @torch.no_grad()
    def push(self, keys: Float[Tensor, "pairs hidden"], meanings: Int[Tensor, " pairs"]) -> None:
        """Writes the newest keys over the oldest. Where there are more keys than slots, the last keys stay."""
        if not self.size:
            return
        keys, meanings = keys[-self.size :], meanings[-self.size :]
        slots = (torch.arange(len(keys), device=self.keys.device) + self.pointer) % self.size
        self.keys[slots] = keys.to(self.keys.dtype)
        self.meanings[slots] = meanings
        self.pointer = (self.pointer + len(keys)) % self.size
        self.filled = min(self.size, self.filled + len(keys))
