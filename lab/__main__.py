"""The command `lab`."""

import os
import signal
import sys

# on a busy machine threads that spin while they wait starve each other: steps then take fifty times as long
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
# the lab shows its own progress
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def main() -> None:
    """Runs the command that the process was started with, and exits with its code."""
    try:
        from lab.cli import run

        code = run()
    except KeyboardInterrupt:
        # Ctrl-C while modules load, or after the last line of a command: no traceback either
        print("lab: interrupted", file=sys.stderr)
        code = 128 + signal.SIGINT
    raise SystemExit(code)


if __name__ == "__main__":
    main()
