"""`lab doctor`: what this machine has and lacks."""

import os
import platform
import shutil
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import psutil

from lab import store
from lab.cli.console import table

GIB = 2**30


@dataclass(frozen=True)
class Check:
    """One thing looked at: whether it is well, what was found, and what to do if it is not."""

    name: str
    well: bool
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Command:
    """Says what this machine has and lacks, each lack with its remedy."""

    def __call__(self) -> dict[str, Any]:
        checks = [*_hardware(), *_packages(), _browser(), _storage()]
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
    found = torch.cuda.get_device_name(0) if gpu else "none; small recipes train on the CPU"
    return [
        Check("python", True, platform.python_version()),
        Check("CPU cores", True, f"{os.cpu_count()} ({torch.get_num_threads()} used)"),
        Check(
            "memory",
            memory > 3,
            f"{memory:.0f} GiB",
            "toy needs 2 GiB, infoxlm-base 16 GiB: use a smaller recipe",
        ),
        Check("GPU", True, found),
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
    found = shutil.which("chromium") or shutil.which("google-chrome")
    return Check(
        "browser for tests", bool(found), found or "none", "the browser tests need Debian's package chromium"
    )


def _storage() -> Check:
    folder = store.runs_folder()
    parent = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(parent).free / GIB
    writable = os.access(parent, os.W_OK)
    return Check(
        "runs",
        writable and free > 1,
        f"{folder.absolute()}, {free:.0f} GiB free",
        "set PARALLAX_RUNS to a folder with room",
    )
