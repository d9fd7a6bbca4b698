"""Training one model in several processes: rows are dealt out in shards and gathered again, sums are added up."""

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
"""Processes wait so long for each other, because the main one may train a tokenizer or encode a large corpus."""


def process_state() -> PartialState:
    """This process among all: its number, its device, and whether it is the main one."""
    # accelerate joins processes on CPU only on demand
    cpu = parse_flag_from_env("ACCELERATE_USE_CPU") or not torch.accelerator.is_available()
    return PartialState(cpu=cpu, timeout=PATIENCE)


@dataclass(frozen=True)
class Shard:
    """This process's part of the `rows` of a joint batch: the process of rank r has rows r, r + processes, ..."""

    rows: int
    rank: int = 0
    processes: int = 1

    def gather(self, local: Tensor) -> Tensor:
        """The joint batch, [rows, ...], gathered from the rows of every process, in the order of the batch.

        Gradients come back from all processes and are added. So the loss of each process must be its share of one
        joint loss.

        Args:
            local: this process's rows, [local rows, ...].
        """
        if self.processes == 1:
            return local
        most = -(-self.rows // self.processes)
        padded = pad(local, (*(0, 0) * (local.dim() - 1), 0, most - len(local)))
        # the first processes have a row more than the last processes, so the padded rows come last
        return _Gather.apply(padded).transpose(0, 1).flatten(0, 1)[: self.rows]

    def indices(self) -> Tensor:
        """Positions of this process's rows in the joint batch."""
        return torch.arange(self.rank, self.rows, self.processes)


def gather_joint(shards: Sequence[Shard], parts: Sequence[Tensor]) -> Tensor:
    """The rows of all micro-batches of all processes, in the order of the joint batch.

    Args:
        shards: this process's part of each micro-batch; micro-batch k of n has rows k, k + n, ... of the joint batch.
        parts: this process's rows of each micro-batch.
    """
    gathered = [shard.gather(rows) for shard, rows in zip(shards, parts, strict=True)]
    joint = torch.cat(gathered)
    for number, rows in enumerate(gathered):
        joint[number :: len(gathered)] = rows
    return joint


class _Gather(torch.autograd.Function):
    """Equally many rows of each process, [processes, rows, ...]; the backward pass adds the gradients of all."""

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
    """The sums of numbers over all processes, value by value."""
    state = process_state()
    if state.num_processes == 1:
        return list(values)
    tensor = torch.tensor(values, dtype=torch.float64, device=state.device)
    dist.all_reduce(tensor)
    return tensor.tolist()


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Adds gradients over processes. A parameter without a gradient on any process is left alone."""
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
    """Runs `find` on the main process only and returns its result on every process.

    Raises:
        InputError: on every process, where `find` raised it on the main process.
    """
    state = process_state()
    if state.num_processes == 1:
        return find()
    answer: list[Any] = [None, None]
    if state.is_main_process:
        try:
            answer[0] = find()
        except InputError as mistake:
            answer[1] = str(mistake)
    result, mistake = broadcast_object_list(answer)
    if mistake is not None:
        raise InputError(mistake)
    return result


def main_process_first(make: Callable[[], T]) -> T:
    """Calls `make` on the main process and then on the others, which find the files of the first call.

    Raises:
        InputError: on every process, where the main process raised it.
        RuntimeError: another process does not find the files, because its machine has other folders.
    """
    results: list[T] = []
    broadcast_from_main(lambda: results.append(make()))
    if results:
        return results[0]
    try:
        return make()
    except InputError as error:
        raise RuntimeError(
            f"process {process_state().process_index} does not find what the main process has written ({error}): "
            "all machines need the same folders of runs and corpora"
        ) from error
