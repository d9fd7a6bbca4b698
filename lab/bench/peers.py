"""Estimates of every importable package on a file of samples, as JSON; run in the environment of the peers.

    python peers.py SAMPLES.npz ANSWER.json SEEDS [PEER...]

The script imports nothing of this project, and needs only numpy and the peers. A peer that is not installed is skipped;
for a peer that fails on these samples the reason is written.
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
    """Estimators of benchmark-mi with their defaults."""
    from bmi import estimators

    yield "bmi-CCA", lambda x, y: estimators.CCAMutualInformationEstimator().estimate(x, y)
    yield "bmi-KSG-5-10", lambda x, y: estimators.KSGEnsembleFirstEstimator().estimate(x, y)
    for name in ("MINE", "InfoNCE", "NWJ", "DonskerVaradhan"):
        estimator = getattr(estimators, f"{name}Estimator")
        yield f"bmi-{name}", lambda x, y, estimator=estimator: estimator(verbose=False).estimate(x, y)


def of_npeet_plus() -> Iterator[tuple[str, Method]]:
    """Nearest neighbours of npeet-plus with the default k = 3 of NPEET."""
    import npeet_plus

    yield "npeet-plus-KSG-3", lambda x, y: npeet_plus.mi(x, y, base=np.e)


def of_scikit_learn() -> Iterator[tuple[str, Method]]:
    """scikit-learn's mutual_info_regression (KSG, k = 3), which takes single columns only."""
    from sklearn.feature_selection import mutual_info_regression

    def between_columns(x: np.ndarray, y: np.ndarray) -> float:
        if x.shape[1] != 1 or y.shape[1] != 1:
            raise ValueError("single columns only")
        return mutual_info_regression(x, y[:, 0], random_state=0)[0]

    yield "sklearn-KSG-3", between_columns


def of_torch_mist() -> Iterator[tuple[str, Method]]:
    """torch-mist's default estimator, SMILE, with two hidden layers of 64."""
    from torch_mist import estimate_mi

    def smile(x: np.ndarray, y: np.ndarray) -> float:
        data = {"x": x.astype(np.float32), "y": y.astype(np.float32)}
        estimate = estimate_mi(
            data=data, x_key="x", y_key="y", estimator="smile", hidden_dims=[64, 64], verbose=False
        )
        return float(estimate[0] if isinstance(estimate, tuple) else estimate)

    yield "torch-mist-SMILE", smile


PACKAGES = (of_benchmark_mi, of_npeet_plus, of_scikit_learn, of_torch_mist)


def main(samples: str, answer: str, seeds: str, *only: str) -> None:
    """Writes {peer: {errors, seconds} or {failed}} after every peer, so that a timeout keeps finished peers."""
    loaded = np.load(samples)
    truth = float(loaded["truth_nats"])
    answers: dict[str, dict[str, list[float] | str]] = {}
    for package in PACKAGES:
        try:
            methods = list(package())
        except ImportError:
            continue
        for name, method in methods:
            if only and name not in only:
                continue
            errors: list[float] = []
            seconds: list[float] = []
            try:
                for seed in range(int(seeds)):
                    started = time.perf_counter()
                    nats = float(method(loaded[f"x{seed}"], loaded[f"y{seed}"]))
                    seconds.append(time.perf_counter() - started)
                    errors.append(abs(nats - truth))
                answers[name] = {"errors": errors, "seconds": seconds}
            except Exception as problem:
                answers[name] = {"failed": str(problem)}
            Path(answer).write_text(json.dumps(answers))


if __name__ == "__main__":
    main(*sys.argv[1:])
