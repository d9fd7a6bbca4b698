"""Work in processes of their own, which end with it: at its end, at an error, when it is stopped, when it is killed."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context, parent_process
from types import ModuleType
from typing import TypeVar

from core.errors import InputError

T = TypeVar("T")


def in_processes(jobs: Sequence[Callable[[], T]], workers: int) -> Iterator[T]:
    """Yields the results of jobs as they are done.

    Args:
        jobs: can be sent to another process.
        workers: processes at once.

    Raises:
        InputError: a job raises one, or the system has ended a process.
    """
    # spawned, since threads of torch and tokenizers do not survive a fork
    pool = ProcessPoolExecutor(workers, get_context("spawn"), _begin)
    try:
        with _no_main_module():
            waiting = [pool.submit(job) for job in jobs]
        for finished in as_completed(waiting):
            yield finished.result()
    except BrokenProcessPool as error:
        raise InputError(
            "a process was ended by the system, as it is where memory runs out: use fewer processes, or read fewer "
            "sentences"
        ) from error
    except BaseException:
        # who stops this does not wait for what is half done
        for child in active_children():
            child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def _no_main_module() -> Generator[None]:
    """Hides the main module, which a spawned process imports: a page, a notebook or a script would run again in it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin() -> None:
    """The processes share the processors among themselves, and leave Ctrl-C to the one that began them."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when the one that began it has gone, which a signal may have ended without a word."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
