"""Run in a peer's environment: estimates of every importable package on one file of samples, as JSON.

    python peers.py SAMPLES.npz ANSWER.json SEEDS [PEER...]

It imports nothing of this project, and needs only numpy and the peers. A peer that is not installed is skipped; one
that fails on these samples leaves no answer.
"""

# pyright: reportMissingImports=false

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

Method = Callable[[np.ndarray, np.ndarray], float]


def of_benchmark_mi() -> Iterator[tuple[str, Method]]:
    """benchmark-mi's estimators with their defaults."""
    from bmi import estimators

    yield "bmi-CCA", lambda x, y: estimators.CCAMutualInformationEstimator().estimate(x, y)
    yield "bmi-KSG", lambda x, y: estimators.KSGEnsembleFirstEstimator(neighborhoods=(5,)).estimate(x, y)
    for name in ("MINE", "InfoNCE", "NWJ", "DonskerVaradhan"):
        made = getattr(estimators, f"{name}Estimator")
        yield f"bmi-{name}", lambda x, y, made=made: made(verbose=False).estimate(x, y)


def of_npeet() -> Iterator[tuple[str, Method]]:
    """NPEET's nearest neighbours, k = 3."""
    from npeet import entropy_estimators

    yield "npeet-KSG-3", lambda x, y: entropy_estimators.mi(x, y, base=np.e)


def of_mutinfo() -> Iterator[tuple[str, Method]]:
    """mutinfo's weighted Kozachenko-Leonenko neighbours, k = 5."""
    from mutinfo.estimators.knn import WKL

    yield "mutinfo-WKL-5", lambda x, y: WKL(k_neighbors=5)(x, y)


def of_torch_mist() -> Iterator[tuple[str, Method]]:
    """torch-mist's SMILE."""
    from torch_mist import estimate_mi

    def smile(x: np.ndarray, y: np.ndarray) -> float:
        data = {"x": x.astype(np.float32), "y": y.astype(np.float32)}
        found = estimate_mi(
            data=data, x_key="x", y_key="y", estimator="smile", hidden_dims=[64, 64], verbose=False
        )
        return float(found[0] if isinstance(found, tuple) else found)

    yield "torch-mist-SMILE", smile


def of_neuralmi() -> Iterator[tuple[str, Method]]:
    """NeuralMI's InfoNCE."""
    import neural_mi

    def infonce(x: np.ndarray, y: np.ndarray) -> float:
        return float(neural_mi.run(x, y, mode="estimate", estimator="infonce").mi_estimate)

    yield "neuralmi-InfoNCE", infonce


def main(samples: str, answer: str, seeds: str, *only: str) -> None:
    """Write {peer: {errors, seconds}} after every peer, so that a timeout keeps what was done."""
    loaded = np.load(samples)
    truth = float(loaded["truth_nats"])
    found: dict[str, dict[str, list[float]]] = {}
    for package in (of_benchmark_mi, of_npeet, of_mutinfo, of_torch_mist, of_neuralmi):
        try:
            methods = list(package())
        except ImportError:
            continue
        for name, method in methods:
            if only and name not in only:
                continue
            made: dict[str, list[float]] = {"errors": [], "seconds": []}
            try:
                for seed in range(int(seeds)):
                    started = time.perf_counter()
                    nats = float(method(loaded[f"x{seed}"], loaded[f"y{seed}"]))
                    made["seconds"].append(time.perf_counter() - started)
                    made["errors"].append(abs(nats - truth))
            except Exception as problem:
                print(f"{name} failed: {problem}", file=sys.stderr)
                continue
            found[name] = made
            Path(answer).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
