"""Dashboards as processes, whatever the folder they are started from, and what they ask of the network."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

ROOT: Final = Path(__file__).parents[2]
MAIN: Final = ROOT / "app" / "main.py"
LAB: Final = ("-m", "lab", "app", "--port")
STREAMLIT: Final = ("-m", "streamlit", "run", str(MAIN), "--server.headless", "true", "--server.port")
SECONDS: Final = 120
# Python tells of every address that is asked for and of every connection; the process writes them down
LISTENER: Final = """
import json, os, sys

def note(event, arguments):
    address = {"socket.connect": 1, "socket.sendto": 1, "socket.getaddrinfo": 0, "socket.gethostbyname": 0}.get(event)
    if address is not None or event == "began":
        with open(os.environ["ASKED"], "a") as file:
            file.write(json.dumps([event, repr(arguments[address or 0])]) + chr(10))

note("began", ["127.0.0.1"])
sys.addaudithook(note)
"""


@dataclass(frozen=True)
class Server:
    """A dashboard that answers."""

    process: psutil.Popen
    port: int
    log: Path
    queries: Path

    @property
    def address(self) -> str:
        """Its address on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def listens_on(self) -> set[str]:
        """The addresses that it listens on."""
        return {
            each.laddr.ip
            for each in self.process.net_connections("inet")
            if each.status == psutil.CONN_LISTEN
        }

    def asked_of_the_network(self) -> list[str]:
        """Names and addresses beyond this machine that the process asked for."""
        lines = self.queries.read_text().splitlines()
        local = ("127.0.0.1", "localhost", "::1", "'/")
        return [line for line in lines if not any(name in json.loads(line)[1] for name in local)]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(
    folder: Path, working: Path, words: tuple[str, ...] = LAB, *more: str, **variables: str
) -> Iterator[Server]:
    """A dashboard started in a working folder, with its notes in another; it ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(LISTENER)
    port, log = free_port(), folder / "log.txt"
    paths = [str(folder), str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "ASKED": str(folder / "asked.jsonl"),
        "PARALLAX_RUNS": str(folder / "runs"),
        **variables,
    }
    with log.open("wb") as file:
        process = psutil.Popen(
            [sys.executable, *words, str(port), *more],
            cwd=working, env=environment, stdout=file, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        server = Server(process, port, log, folder / "asked.jsonl")
        _wait(server)
        yield server
    finally:
        process.terminate()
        process.wait(SECONDS)


def _wait(server: Server) -> None:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{server.address}/_stcore/health", timeout=2)
            return
        except urllib.error.HTTPError:
            # a door that is closed answers, too
            return
        except OSError:
            assert server.process.poll() is None, server.log.read_text()
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.2)
