"""Processes that work for another one."""

import os
import signal
import subprocess
import sys
import time
from functools import partial
from multiprocessing import active_children
from types import ModuleType

import psutil
import pytest

from core.errors import InputError
from core.text.vocabulary.workers import in_processes


def test_results_come_from_other_processes():
    numbers = list(in_processes([os.getpid, os.getpid], 1))
    assert len(set(numbers)) == 1
    assert os.getpid() not in numbers


def test_a_process_that_the_system_ends_is_one_line():
    with pytest.raises(InputError, match="a process was ended by the system, as it is where memory runs out"):
        list(in_processes([partial(signal.raise_signal, signal.SIGKILL)], 1))


def test_who_stops_does_not_wait_for_what_is_half_done():
    results = in_processes([os.getpid, partial(time.sleep, 600)], 2)
    next(results)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())
    assert active_children() == []


SCRIPT = """
import os, time
from functools import partial
from core.text.vocabulary.workers import in_processes

for result in in_processes([os.getpid, partial(time.sleep, 600)], 2):
    print(result, flush=True)
"""


def test_workers_of_a_process_that_is_killed_end_as_well():
    parent = subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, text=True)
    worker = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs([worker], timeout=120)
    assert alive == []


def test_the_main_module_does_not_run_again_in_the_workers(tmp_path, monkeypatch):
    (tmp_path / "page.py").write_text("raise SystemExit('this page ran again')", encoding="utf-8")
    page = ModuleType("__main__")
    page.__file__, page.__spec__ = str(tmp_path / "page.py"), None
    monkeypatch.setitem(sys.modules, "__main__", page)
    assert len(list(in_processes([os.getpid] * 2, 2))) == 2
    assert sys.modules["__main__"] is page
