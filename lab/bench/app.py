"""Measures the dashboard under a class of sessions: time of pages, memory, and many starts at once."""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psutil

from core.progress import Progress
from lab import store
from lab.bench.visitors import Visitor, visit
from lab.store import turns

PAGES: Final = ("live", "space", "information", "ablations", "retrieval", "")
"""Paths of the pages that are opened; "" is the Overview."""
FIRST_PAGE_SECONDS, MEMORY_GIB = 15.0, 1.5
"""Limits for a class, which the rows name as their peer."""
START_LABEL: Final = "Start the toy run"
UP_SECONDS: Final = 300
GIB: Final = 2**30


def bench_app(counts: Sequence[int], starts: int, progress: Progress, scratch: Path) -> dict[str, Any]:
    """Rows of a dashboard with many sessions at once, and of many starts at once; each number has its own server.

    Args:
        counts: numbers of sessions.
        starts: toy runs that as many sessions start at the same moment; 0 for none.
        scratch: folder for the runs of the benchmark.
    """
    rows: list[dict[str, Any]] = []
    for done, count in enumerate(counts, start=1):
        with server(scratch / f"sessions-{count}") as (process, address):
            rows += session_rows(process, address, count)
        progress("sessions", done, len(counts))
    if starts:
        with server(scratch / "starts") as (process, address):
            rows += start_rows(process, address, starts, max(counts))
        progress("starts", 1, 1)
    return {"rows": rows, "cores": os.cpu_count(), "load": os.getloadavg()[0]}


def session_rows(process: psutil.Process, address: str, count: int) -> list[dict[str, Any]]:
    """Rows of `count` sessions that arrive at the same moment and open the pages together."""
    visitors, first_seconds = _together(count, lambda _: _arrive(address))
    shape = f"{count} session{'s' if count > 1 else ''}"
    for page in PAGES:
        _all(visitors, lambda visitor, page=page: visitor.open(page))
    warm = [
        seconds for page in PAGES for seconds in _all(visitors, lambda visitor, page=page: visitor.open(page))
    ]
    memory = process.memory_info().rss / GIB
    for visitor in visitors:
        visitor.close()
    return [
        row("first page, slowest session", shape, max(first_seconds), FIRST_PAGE_SECONDS, "s"),
        row("first page, median", shape, statistics.median(first_seconds), FIRST_PAGE_SECONDS, "s"),
        row("change of a page seen before, median", shape, statistics.median(warm), None, "s"),
        row("change of a page seen before, slowest", shape, max(warm), None, "s"),
        row("memory of the server", shape, memory, MEMORY_GIB, "GiB"),
    ]


def start_rows(process: psutil.Process, address: str, count: int, class_size: int) -> list[dict[str, Any]]:
    """Rows of toy runs that `count` sessions start at the same moment, and of a class that comes while a run trains.

    The runs are stopped afterwards.
    """
    visitors, _ = _together(count, lambda _: _arrive(address))
    _all(visitors, lambda visitor: visitor.open("live"))
    seconds = _all(visitors, lambda visitor: visitor.press(START_LABEL))
    living = turns.tickets()
    training = sum(ticket.state == "trains" for ticket in living)
    jobs = sum(_memory(ticket.owner.pid) for ticket in living) / GIB
    late, first_seconds = _together(class_size, lambda _: _arrive(address))
    watching = _all(late, lambda visitor: visitor.open("live"))
    memory = process.memory_info().rss / GIB
    for visitor in visitors + late:
        visitor.close()
    _take_back()
    shape = f"{count} toy starts at once"
    return [
        row("starts that were taken", shape, float(len(living)), None, "runs"),
        row("runs that train", shape, float(training), None, "runs"),
        row("a start is answered, slowest", shape, max(seconds), None, "s"),
        row(
            f"first page while one trains, slowest of {class_size}",
            shape,
            max(first_seconds),
            FIRST_PAGE_SECONDS,
            "s",
        ),
        row(f"Live while one trains, slowest of {class_size}", shape, max(watching), None, "s"),
        row("memory of the server", shape, memory, MEMORY_GIB, "GiB"),
        row("memory of the jobs together", shape, jobs, None, "GiB"),
    ]


def row(name: str, shape: str, ours: float, limit: float | None, unit: str) -> dict[str, Any]:
    """A row beside a limit for a class; a ratio above 1 keeps the limit.

    >>> row("first page", "1 session", 3.0, 15.0, "s")["ratio"]
    5.0
    """
    peer = None if limit is None else "limit for a class"
    return {
        "name": name,
        "shape": shape,
        "peer": peer,
        "ours": ours,
        "theirs": limit,
        "ratio": None if limit is None else limit / ours,
        "unit": unit,
    }


@contextmanager
def server(runs: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Runs a dashboard as `lab app` serves it, on a new folder of runs; yields its process and address."""
    before = os.environ.get("PARALLAX_RUNS")
    os.environ["PARALLAX_RUNS"] = str(runs)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "STREAMLIT_SERVER_HEADLESS": "true"}
    process = subprocess.Popen(
        [sys.executable, "-m", "lab", "app", "--port", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_until_up(process, address)
        yield psutil.Process(process.pid), address
    finally:
        process.terminate()
        process.wait()
        if before is None:
            del os.environ["PARALLAX_RUNS"]
        else:
            os.environ["PARALLAX_RUNS"] = before


def _wait_until_up(process: subprocess.Popen[bytes], address: str) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(
                    f"the dashboard did not come up within {UP_SECONDS} s: lab app says why"
                ) from error
            time.sleep(0.1)


def _arrive(address: str) -> tuple[Visitor, float]:
    """A new session, and the seconds from its request until the page is drawn."""
    began = time.perf_counter()
    visitor = visit(address)
    visitor.open()
    return visitor, time.perf_counter() - began


def _together(
    count: int, arrive: Callable[[int], tuple[Visitor, float]]
) -> tuple[list[Visitor], list[float]]:
    with ThreadPoolExecutor(count) as threads:
        arrived = list(threads.map(arrive, range(count)))
    visitors, seconds = [each[0] for each in arrived], [each[1] for each in arrived]
    _check(visitors)
    return visitors, seconds


def _all(visitors: Sequence[Visitor], act: Callable[[Visitor], float]) -> list[float]:
    """Lets all sessions act at the same moment; returns the seconds of each."""
    with ThreadPoolExecutor(len(visitors)) as threads:
        seconds = list(threads.map(act, visitors))
    _check(visitors)
    return seconds


def _check(visitors: Sequence[Visitor]) -> None:
    errors = [error for visitor in visitors for error in visitor.errors]
    if errors:
        raise RuntimeError(f"a page of the dashboard failed: {errors[0]}")


def _memory(pid: int) -> int:
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _take_back() -> None:
    """Ends the jobs that the benchmark has started: waiting jobs leave the queue, then runs stop."""
    deadline = time.monotonic() + UP_SECONDS
    while (living := turns.tickets()) and time.monotonic() < deadline:
        for ticket in living:
            turns.leave(ticket.name)
            if ticket.state == "trains" and store.is_run(ticket.name):
                store.open_run(ticket.name).send_request("stop")
        time.sleep(0.5)
