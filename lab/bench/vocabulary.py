"""The vocabulary's loss with k-NN target sampling beside the full softmax: time, and memory in processes of their own.

Embeddings and states are random, and targets follow Zipf's law: what a step costs depends on the sizes and on how many
tokens the neighbours of the targets are together, not on what the model has learned.
"""

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final, Literal

import torch

from core.config import Frozen
from core.errors import InputError
from core.model.neighbours import Neighbours
from core.model.vocabulary import candidate_cross_entropy, linear_cross_entropy
from core.progress import Progress, no_progress
from lab.bench.memory import resident_bytes
from lab.evaluate.row import Row

Contender = Literal["knn", "full"]
MEBI: Final = 2**20
LOGITS: Final = 2**26
SEARCHED_ROWS: Final = 512
"""Tokens whose neighbours are searched to time a search, which takes as long for each."""


class LossCase(Frozen):
    """One use of the loss.

    Attributes:
        masked: tokens that are predicted.
        neighbours: of each.
    """

    vocabulary: int
    hidden: int = 768
    masked: int = 512
    neighbours: int = 50

    @property
    def words(self) -> str:
        """The case for a table."""
        return f"vocabulary {self.vocabulary:,} x {self.hidden}, {self.masked} masked tokens, k = {self.neighbours}"


VOCABULARIES: Final = (16_000, 250_002, 500_000)


class Loss:
    """What a step of one contender needs, made once."""

    def __init__(self, case: LossCase) -> None:
        generator = torch.Generator().manual_seed(0)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.case = case
        self.weight = torch.randn(case.vocabulary, case.hidden, generator=generator).to(device)
        self.weight.mul_(0.02).requires_grad_()
        self.bias = torch.zeros(case.vocabulary, device=device, requires_grad=True)
        self.states = torch.randn(case.masked, case.hidden, generator=generator).to(device).requires_grad_()
        ranks = 1 / torch.arange(1, case.vocabulary + 1)
        self.targets = torch.multinomial(ranks, case.masked, True, generator=generator).to(device)
        self.neighbours = Neighbours(case.vocabulary, case.neighbours, 1).to(device)

    def search(self) -> float:
        """Finds the neighbours of the targets; returns the seconds that a search for all tokens would take."""
        used = self.targets.unique()
        with torch.no_grad():
            began = _clock()
            timed = (self.weight[:SEARCHED_ROWS] @ self.weight.T).topk(self.neighbours.count).indices
            seconds = (_clock() - began) * self.case.vocabulary / len(timed)
            for part in used.split(SEARCHED_ROWS):
                nearest = (self.weight[part] @ self.weight.T).topk(self.neighbours.count).indices
                self.neighbours.table[part] = nearest.to(torch.int32)
        return seconds

    @property
    def share(self) -> float:
        """Share of the vocabulary that the sampled loss runs over."""
        return len(self.neighbours.of(self.targets)) / self.case.vocabulary

    def step(self, contender: Contender) -> None:
        """Loss and gradients."""
        if contender == "full":
            rows = max(1, LOGITS // self.case.vocabulary)
            losses = linear_cross_entropy(self.states, self.weight, self.bias, self.targets, rows)
        else:
            candidates = self.neighbours.of(self.targets)
            rows = max(1, LOGITS // len(candidates))
            losses = candidate_cross_entropy(
                self.states, self.weight, self.bias, self.targets, candidates, rows
            )
        losses.mean().backward()


def vocabulary_bench(repetitions: int = 5, progress: Progress = no_progress) -> Iterator[Row]:
    """Rows of `lab bench --parts vocabulary`; ours is the sampled loss, theirs the full softmax, both our own code.

    Raises:
        InputError: a vocabulary takes more memory than there is.
    """
    for number, vocabulary in enumerate(VOCABULARIES):
        case = LossCase(vocabulary=vocabulary)
        base = {"shape": case.words, "peer": "full softmax"}
        peaks = {who: peak_bytes(case, who) / MEBI for who in ("knn", "full")}
        loss = Loss(case)
        search = loss.search()
        seconds, unit = _seconds(loss, repetitions), "s" if torch.cuda.is_available() else "CPU s"
        yield base | {"name": "loss and gradients", "unit": unit} | _less(seconds["knn"], seconds["full"])
        yield base | {"name": "peak memory", "unit": "MiB"} | _less(peaks["knn"], peaks["full"])
        only = {"theirs": None, "ratio": None}
        yield base | {"name": "share of the vocabulary", "unit": "share", "ours": loss.share} | only
        yield base | {"name": "one search of all tokens, from a part", "unit": unit, "ours": search} | only
        progress("vocabulary", number + 1, len(VOCABULARIES))


def peak_bytes(case: LossCase, contender: str) -> int:
    """Memory that two steps take beyond weights and neighbours, gradients of the matrix included.

    Raises:
        InputError: the system ended the process, as it does where memory runs out.
    """
    command = [sys.executable, "-m", "lab.bench.vocabulary", case.model_dump_json(), contender]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode < 0:
        raise InputError(f"expected memory for {contender} at {case.words}, got too little")
    if ran.returncode:
        raise RuntimeError(f"{contender} at {case.words} failed: {ran.stderr.strip().splitlines()[-1:]}")
    return int(json.loads(ran.stdout.splitlines()[-1])["bytes"])


def measure(case: LossCase, contender: Contender) -> int:
    """Bytes that two steps take in this process."""
    loss = Loss(case)
    if contender == "knn":
        loss.search()
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
    else:
        before = resident_bytes("VmRSS")
        # the search has held more for a moment: what counts begins here
        _forget_peak()
    for _ in range(2):
        loss.step(contender)
    after = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else resident_bytes("VmHWM")
    return after - before


def _forget_peak() -> None:
    """Resets the largest resident size of this process, where the system allows it."""
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        # then the peak of the search counts as well, which makes the sampled loss look larger
        return


def _seconds(loss: Loss, repetitions: int) -> dict[Contender, float]:
    """Median time of a step of each contender, in turns, after one that warms up."""
    times: dict[Contender, list[float]] = {"knn": [], "full": []}
    for _ in range(repetitions + 1):
        for contender, taken in times.items():
            began = _clock()
            loss.step(contender)
            taken.append(_clock() - began)
    return {contender: statistics.median(taken[1:]) for contender, taken in times.items()}


def _less(ours: float, theirs: float) -> Row:
    return {"ours": ours, "theirs": theirs, "ratio": theirs / ours}


def _clock() -> float:
    """Seconds: of a GPU by the clock; of processors what they have worked for this process, however busy they are."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        return time.perf_counter()
    return time.process_time()


if __name__ == "__main__":
    print(json.dumps({"bytes": measure(LossCase.model_validate_json(sys.argv[1]), sys.argv[2])}))  # pyright: ignore
