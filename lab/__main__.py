"""The command `lab`."""

import os

# on a busy machine threads that spin while they wait starve each other: steps then take fifty times as long
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
# the lab shows its own progress
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")


def main() -> None:
    from lab.cli import run

    raise SystemExit(run())


if __name__ == "__main__":
    main()
