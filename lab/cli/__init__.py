"""The command line: one file per command, each a dataclass of its arguments that is called.

A command returns one JSON document. With `--json` that document is all that standard output gets; otherwise
the command's `show` prints it for people. Everything else goes to standard error.
"""

import contextlib
import importlib
import io
import os
import re
import sys
import time
import traceback
from typing import Any, Final

import tyro
from pydantic import ValidationError

from core.errors import InputError, unknown
from lab.cli.console import errors, print_json

COMMANDS: Final = {
    "app": ("lab.cli.app", "opens the dashboard"),
    "world": ("lab.cli.world", "writes a corpus from the built-in world and prints its exact information"),
    "corpus": ("lab.cli.corpus", "import FILE... | show FOLDER: own text in"),
    "train": ("lab.cli.train", "trains a recipe into a run folder"),
    "evaluate": ("lab.cli.evaluate", "retrieval with intervals, of runs or of anyone's checkpoints"),
    "information": (
        "lab.cli.information",
        "the ledger: bound, ceiling and truth of each task, and estimators",
    ),
    "align": (
        "lab.cli.align",
        "which words translate each other, and how well that agrees with people's links",
    ),
    "vocabulary": ("lab.cli.vocabulary", "what a vocabulary costs each language, of any tokenizer"),
    "study": ("lab.cli.study", "an ablation grid with seeds, intervals and tests; restartable"),
    "list": ("lab.cli.runs", "what runs exist"),
    "show": ("lab.cli.show", "one run"),
    "export": ("lab.cli.export", "a portable bundle, for other tools and to go on from"),
    "project": ("lab.cli.project", "lays out a map of sentence vectors, for the dashboard"),
    "bench": ("lab.cli.bench", "training steps, or estimators, beside other packages, as ratios"),
    "doctor": ("lab.cli.doctor", "what this machine has and lacks"),
}

SUCCESS, OUR_FAULT, USER_FAULT, INTERRUPTED = 0, 1, 2, 130
GRACE_SECONDS = 5


def run(arguments: list[str] | None = None) -> int:
    """Runs a command and returns its exit code: 0 success, 2 the user's mistake, 1 our fault."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        _help()
        return SUCCESS if words else USER_FAULT
    try:
        name, rest = words[0], words[1:]
        if name not in COMMANDS:
            raise unknown("a command", name, COMMANDS)
        module = importlib.import_module(COMMANDS[name][0])
        as_json = "--json" in rest
        rest = [word for word in rest if word != "--json"]
        command: Any = (
            module.parse(rest) if hasattr(module, "parse") else parse(module.Command, f"lab {name}", rest)
        )
        document = command()
        if not _speaks():
            return SUCCESS
        if as_json:
            print_json(document)
        elif document is not None:
            command.show(document)
        # a document with failures is no success
        return USER_FAULT if isinstance(document, dict) and document.get("failed") else SUCCESS
    except InputError as error:
        if _speaks():
            errors.print(f"lab: {error}")
        else:
            # torchrun ends all processes when any has ended: the first is given time to say why
            time.sleep(GRACE_SECONDS)
        return USER_FAULT
    except ValidationError as error:
        errors.print(f"lab: {explain(error)}")
        return USER_FAULT
    except KeyboardInterrupt as stop:
        # a run stopped by a signal exits with 128 + the number of the signal, as in shells
        errors.print(f"lab: {str(stop) or 'interrupted; continue a run with --resume'}")
        return getattr(stop, "exit_code", INTERRUPTED)
    except BrokenPipeError:
        return SUCCESS
    except Exception:
        errors.print(traceback.format_exc())
        errors.print("lab: this is a fault of the lab, not yours; the lines above say where")
        return OUR_FAULT


def _speaks() -> bool:
    """Whether this process prints: the only process, or the first of the processes that torchrun started together."""
    return os.environ.get("RANK", "0") == "0"


def parse(command: Any, program: str, words: list[str], **options: Any) -> Any:
    """Parses the words of a command. tyro prints help; its box round a mistake becomes one line."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stderr(output):
            return tyro.cli(command, prog=program, args=words, description=command.__doc__, **options)
    except SystemExit as leaving:
        if leaving.code == SUCCESS:
            raise
        raise InputError(_one_line(output.getvalue())) from None


def _one_line(box: str) -> str:
    """The words of a box of lines, without its frame."""
    lines = [line.strip("╭╮╰╯│─ \t") for line in re.sub(r"\x1b\[[0-9;]*m", "", box).splitlines()]
    sentences = [
        line for line in lines if line.strip("-") and "https://" not in line and "further info" not in line
    ]
    words = " ".join(sentences[1:] or sentences).strip("- ")
    return re.sub(r"\s*\[type=.*?input_value=(.*?), input_type=\w+\]", r", got \1", words)


def explain(error: ValidationError) -> str:
    """The first invalid setting in one line."""
    fault = error.errors()[0]
    where = ".".join(str(part) for part in fault["loc"]) or "settings"
    came = f", got {fault['input']!r}" if fault["type"] != "value_error" else ""
    return f"{where}: {fault['msg'].removeprefix('Value error, ')}{came}"


def _help() -> None:
    print("lab: information-theoretic cross-lingual pre-training\n")
    print("usage: lab COMMAND [--json] ...; lab COMMAND --help says more\n")
    for name, (_, description) in COMMANDS.items():
        print(f"  {name:<12}{description}")
