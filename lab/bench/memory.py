"""Peak memory of one contender, in a process of its own: `python -m lab.bench.memory CASE CONTENDER`."""

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
    """What two steps take beyond the imported libraries: weights, gradients, moments, queue, activations.

    On a GPU the most that torch held allocated there, on a CPU the most resident memory of the process.

    Raises:
        InputError: the system ended the process, as it does where memory runs out.
    """
    command = [sys.executable, "-m", "lab.bench.memory", case.model_dump_json(), name]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode == -signal.SIGKILL:
        raise InputError(f"expected memory for {name} at {case.told}, got too little: take fewer --examples")
    if ran.returncode:
        raise RuntimeError(f"{name} at {case.told} failed: {ran.stderr.strip().splitlines()[-1:]}")
    return int(json.loads(ran.stdout.splitlines()[-1])["bytes"])


def measure(case: Case, name: str) -> int:
    """In this process; the second step is the first with the optimizer's moments in place."""
    gpu = torch.cuda.is_available()
    before = 0 if gpu else _resident("VmRSS")
    step = contender(name, case.training(needed(case, name)))
    for number in (1, 2):
        step(number)
    return torch.cuda.max_memory_allocated() if gpu else _resident("VmHWM") - before


def _resident(field: str) -> int:
    """Bytes in memory now (VmRSS) or at most so far (VmHWM); where the system tells no more, the latter."""
    if not STATUS.is_file():
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    found = re.search(rf"{field}:\s+(\d+) kB", STATUS.read_text())
    assert found is not None, field
    return int(found[1]) * 1024


if __name__ == "__main__":
    print(json.dumps({"bytes": measure(Case.model_validate_json(sys.argv[1]), sys.argv[2])}))
