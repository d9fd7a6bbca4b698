"""`lab doctor`: checks this machine."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from lab import store
from lab.cli.console import table

GIB = 2**30
BLIND = {"nolock", "local_lock=all", "local_lock=posix", "local_lock=flock", "localflock", "noflock"}
"""Mount options of NFS and Lustre under which locks do not reach other machines, or do not exist."""


@dataclass(frozen=True)
class Check:
    """A check: whether all is well, the value found, and a remedy."""

    name: str
    well: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Command:
    """Shows what this machine has and lacks, each lack with a remedy."""

    def __call__(self) -> dict[str, Any]:
        checks = [*_hardware(), *_packages(), _browser(), _storage(), _locks()]
        return {"well": all(check.well for check in checks), "checks": [vars(check) for check in checks]}

    def show(self, document: dict[str, Any]) -> None:
        rows = [
            (
                "✓" if check["well"] else "–",
                check["name"],
                check["found"],
                "" if check["well"] else check["remedy"],
            )
            for check in document["checks"]
        ]
        table("", ("", "", "found", "to mend it"), rows)


def _hardware() -> list[Check]:
    import torch

    memory = psutil.virtual_memory().total / GIB
    gpu = torch.cuda.is_available()
    gpu_name = torch.cuda.get_device_name(0) if gpu else "none; small recipes train on the CPU"
    return [
        Check("python", True, platform.python_version()),
        Check("CPU cores", True, f"{os.cpu_count()} ({torch.get_num_threads()} used)"),
        Check(
            "memory",
            memory > 3,
            f"{memory:.0f} GiB",
            "toy needs 2 GiB, infoxlm-base 16 GiB: use a smaller recipe",
        ),
        Check("GPU", True, gpu_name),
    ]


def _packages() -> list[Check]:
    wanted = {
        "torch": "",
        "transformers": "",
        "streamlit": "app",
        "jupyterlab": "notebooks",
        "pytest": "test",
    }
    return [_package(name, extra) for name, extra in wanted.items()]


def _package(name: str, extra: str) -> Check:
    try:
        return Check(name, True, version(name))
    except PackageNotFoundError:
        return Check(
            name, False, "not installed", f"pip install 'parallax-lab{f'[{extra}]' if extra else ''}'"
        )


def _browser() -> Check:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    return Check(
        "browser for tests",
        bool(browser),
        browser or "none",
        "the browser tests need Debian's package chromium",
    )


def _storage() -> Check:
    free = shutil.disk_usage(_place_of_runs()).free / GIB
    return Check(
        "runs",
        os.access(_place_of_runs(), os.W_OK) and free > 1,
        f"{store.runs_folder().absolute()}, {free:.0f} GiB free",
        "set PARALLAX_RUNS to a folder with room",
    )


def _locks() -> Check:
    """Whether processes of all machines that share the folder of runs see each other's locks."""
    place = _place_of_runs()
    mounts = [each for each in psutil.disk_partitions(all=True) if place.is_relative_to(each.mountpoint)]
    options = max(mounts, key=lambda each: len(each.mountpoint)).opts.split(",") if mounts else []
    blind = sorted(BLIND.intersection(options))
    return Check(
        "locks of runs",
        not blind,
        f"mounted with {blind[0]}" if blind else "one process at a time writes into a run",
        "machines do not see each other's locks: go on with a run from one of them only (docs/reliability.md)",
    )


def _place_of_runs() -> Path:
    """The folder of runs, or its nearest folder that exists."""
    folder = store.runs_folder().absolute()
    return next(path for path in (folder, *folder.parents) if path.exists())
