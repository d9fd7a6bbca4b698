"""Several processes that train one model: rows are dealt out in shards and gathered again, sums are joint sums."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

import torch
import torch.distributed as dist
from accelerate import PartialState
from accelerate.utils import broadcast_object_list, parse_flag_from_env
from torch import Tensor, nn
from torch.nn.functional import pad

from core.errors import InputError

T = TypeVar("T")

PATIENCE: Final = timedelta(hours=12)
"""How long processes wait for each other: the main one may be training a tokenizer or encoding a large corpus."""


def process_state() -> PartialState:
    """This process among all: its number, its device, and whether it is the main one."""
    # accelerate joins processes on CPU only when it is told that this is what is wanted
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    return PartialState(cpu=cpu, timeout=PATIENCE)


@dataclass(frozen=True)
class Shard:
    """How the `rows` of a joint batch lie with processes: that of rank r has rows r, r + processes, ..."""

    rows: int
    rank: int = 0
    processes: int = 1

    def gather(self, local: Tensor) -> Tensor:
        """The joint batch from each process's own rows, in its order; gradients come back from all processes.

        The loss of each process must be its share of one joint loss: gradients are added.
        """
        if self.processes == 1:
            return local
        most = -(-self.rows // self.processes)
        padded = pad(local, (*(0, 0) * (local.dim() - 1), 0, most - len(local)))
        # the first processes have a row more than the last ones, so what was padded comes last
        return _Gather.apply(padded).transpose(0, 1).flatten(0, 1)[: self.rows]

    def indices(self) -> Tensor:
        """Where this process's own rows stand in the joint batch."""
        return torch.arange(self.rank, self.rows, self.processes)


def gather_joint(shards: Sequence[Shard], parts: Sequence[Tensor]) -> Tensor:
    """The rows of all micro-batches of all processes, in the order of the joint batch.

    Args:
        shards: how the rows of each micro-batch lie with processes; micro-batch k of n has rows k, k + n, ...
        parts: this process's rows of each.
    """
    gathered = [shard.gather(rows) for shard, rows in zip(shards, parts, strict=True)]
    joint = torch.cat(gathered)
    for number, rows in enumerate(gathered):
        joint[number :: len(gathered)] = rows
    return joint


class _Gather(torch.autograd.Function):
    """Equally many rows of each process, one below the other; back comes the sum of what all processes ask for."""

    @staticmethod
    def forward(ctx: Any, local: Tensor) -> Tensor:
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        # summed in float32 at least, like the gradients of parameters
        wide = torch.promote_types(grads[0].dtype, torch.float32)
        gradient = grads[0].to(wide, copy=True, memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient[dist.get_rank()].to(grads[0].dtype)


def all_reduce_sum(values: Sequence[float]) -> list[float]:
    """Numbers added over processes."""
    state = process_state()
    if state.num_processes == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64, device=state.device)
    dist.all_reduce(tensor)
    return tensor.tolist()


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Adds gradients over processes; a parameter that no process has a gradient of is left alone."""
    state = process_state()
    if state.num_processes == 1:
        return
    listed = list(parameters)
    reached = torch.tensor([int(parameter.grad is not None) for parameter in listed], device=state.device)
    dist.all_reduce(reached, dist.ReduceOp.MAX)
    pending = []
    for parameter, anywhere in zip(listed, reached.tolist(), strict=True):
        if anywhere:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            pending.append(dist.all_reduce(parameter.grad, async_op=True))
    for work in pending:
        work.wait()


def broadcast_from_main(find: Callable[[], T]) -> T:
    """What `find` returns on the main process, on all of them; so is the user's mistake that it raises there."""
    state = process_state()
    if state.num_processes == 1:
        return find()
    answer: list[Any] = [None, None]
    if state.is_main_process:
        try:
            answer[0] = find()
        except InputError as mistake:
            answer[1] = str(mistake)
    found, mistake = broadcast_object_list(answer)
    if mistake is not None:
        raise InputError(mistake)
    return found


def main_process_first(make: Callable[[], T]) -> T:
    """Calls `make` on the main process and then on the others, which find what it has left behind.

    Raises:
        InputError: the user's mistake, on all processes.
        RuntimeError: another process does not find it, because its machine has other files.
    """
    made: list[T] = []
    broadcast_from_main(lambda: made.append(make()))
    if made:
        return made[0]
    try:
        return make()
    except InputError as error:
        raise RuntimeError(
            f"process {process_state().process_index} does not find what the main process has written ({error}): "
            "all machines need the same folders of runs and corpora"
        ) from error
