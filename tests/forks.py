"""Commands of the lab as processes of their own, which share the seconds that importing takes.

`python -m tests.forks` imports the lab and then forks a process for every command it is asked to begin. It has no
threads and computes nothing itself, so its children are as whole as if each had been started by a shell.
"""

import json
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PATIENCE_SECONDS = 300.0
THREADS = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


class Child:
    """A `lab` command under way; `out` and `err` are the files of what it prints."""

    def __init__(self, server: "Forks", pid: int, out: Path, err: Path) -> None:
        self.server, self.pid, self.out, self.err = server, pid, out, err
        self.code: int | None = None

    def poll(self) -> int | None:
        """The exit code, negative after a signal; None while it runs."""
        if self.code is None:
            self.code = self.server.ask({"poll": self.pid})
        return self.code

    def wait(self) -> int:
        """The exit code, once it has ended."""
        self.until(lambda: self.poll() is not None)
        assert self.code is not None
        return self.code

    def until(self, reached: Callable[[], Any]) -> None:
        """Waits until something is reached, or this process has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached() and self.poll() is None:
            assert time.monotonic() < deadline, self.said
            time.sleep(0.002)

    def send(self, number: int) -> None:
        """Sends a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    @property
    def said(self) -> str:
        """What it has printed on standard error."""
        return self.err.read_text(encoding="utf-8", errors="replace")


class Forks:
    """The process that forks; used as a context."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.children = folder, list[Child]()

    def __enter__(self) -> "Forks":
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.forks"],
            cwd=ROOT,
            env={**os.environ, **THREADS},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        for child in self.children:
            child.send(signal.SIGKILL)
        self.process.kill()
        self.process.communicate()

    def begin(self, *words: str, cwd: Path | None = None, **environment: str) -> Child:
        """Begins `lab WORDS` with this process's environment and some more."""
        number = len(self.children)
        out, err = (self.folder / f"{number}.{kind}" for kind in ("out", "err"))
        # there even where the process is killed before it opens it
        err.touch()
        pid = self.ask(
            {
                "words": words,
                "cwd": str(cwd or Path.cwd()),
                "environment": {**os.environ, **THREADS, **environment},
                "out": str(out),
                "err": str(err),
            }
        )
        self.children.append(Child(self, pid, out, err))
        return self.children[-1]

    def run(self, *words: str, cwd: Path | None = None, **environment: str) -> Child:
        """The same, when it has ended."""
        child = self.begin(*words, cwd=cwd, **environment)
        child.wait()
        return child

    def ask(self, question: Mapping[str, Any]) -> Any:
        """What the forking process answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def _fork(question: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        os.environ.clear()
        os.environ.update(question["environment"])
        os.chdir(question["cwd"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(question[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        code = _command(question["words"])
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(words: Sequence[str]) -> int:
    from lab.__main__ import main

    sys.argv = ["lab", *words]
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
    except SystemExit as leaving:
        return int(leaving.code or 0)
    except KeyboardInterrupt:
        # between two statements of this function, where no process of its own could be hit
        return 128 + signal.SIGINT
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise AssertionError("main always exits")


def _ended(pid: int) -> int | None:
    ended, status = os.waitpid(pid, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def main() -> None:
    """Answers one line of JSON with one line of JSON, until there are no more."""
    import lab.cli.evaluate
    import lab.cli.train
    import lab.evaluate.run
    import lab.threads
    import lab.training  # noqa: F401

    for line in sys.stdin:
        question = json.loads(line)
        answer = _ended(question["poll"]) if "poll" in question else _fork(question)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
