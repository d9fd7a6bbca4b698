"""Peak memory of a contender in its own process: `python -m lab.bench.memory CASE CONTENDER`."""

import json
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import torch

from core.errors import InputError
from lab.bench.case import Case
from lab.bench.contenders import contender, needed

STATUS = Path("/proc/self/status")


def peak_bytes(case: Case, name: str) -> int:
    """Peak memory of two steps without the imported libraries: weights, gradients, moments, queue, activations.

    On a GPU this is the largest memory allocated by torch, on a CPU the largest resident memory of the process.

    Raises:
        InputError: the system ended the process, as it does where memory runs out.
    """
    command = [sys.executable, "-m", "lab.bench.memory", case.model_dump_json(), name]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode == -signal.SIGKILL:
        raise InputError(f"expected memory for {name} at {case.words}, got too little: take fewer --examples")
    if ran.returncode:
        raise RuntimeError(f"{name} at {case.words} failed: {ran.stderr.strip().splitlines()[-1:]}")
    return int(json.loads(ran.stdout.splitlines()[-1])["bytes"])


def measure_memory(case: Case, name: str) -> int:
    """Peak memory of two steps in this process; from the second step on the optimizer has its moments."""
    gpu = torch.cuda.is_available()
    before = 0 if gpu else resident_bytes("VmRSS")
    step = contender(name, case.training(needed(case, name)))
    for number in (1, 2):
        step(number)
    return torch.cuda.max_memory_allocated() if gpu else resident_bytes("VmHWM") - before


def resident_bytes(field: str) -> int:
    """Resident bytes now (VmRSS) or at most so far (VmHWM); the latter where the system gives only that."""
    if not STATUS.is_file():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    match = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert match is not None, field
    return int(match[1]) * 1024


if __name__ == "__main__":
    print(json.dumps({"bytes": measure_memory(Case.model_validate_json(sys.argv[1]), sys.argv[2])}))
