"""The command line of `python -m tests.chaos`."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.chaos.disturbances import DISTURBANCES
from tests.chaos.rounds import Tally, chaos, table


def main() -> int:
    """Reads the command line; the exit code is 1 where something happened that must not."""
    parser = argparse.ArgumentParser(
        "python -m tests.chaos", description="Disturbs runs, and compares them with an undisturbed one."
    )
    parser.add_argument(
        "--times", type=int, default=len(DISTURBANCES), help="disturbances, all kinds in turn"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="JSON file for the counts")
    parser.add_argument("--table", type=Path, help="such a JSON file, whose table is printed instead")
    arguments = parser.parse_args()
    if arguments.table:
        stored = json.loads(arguments.table.read_bytes())["rows"]
        print(table({name: Tally(**row) for name, row in stored.items()}))
        return 0
    top = Path(tempfile.mkdtemp(prefix="parallax-chaos-"))
    began = time.time()
    rows = chaos(arguments.times, arguments.seed, top, lambda line: print(line, file=sys.stderr, flush=True))
    document: dict[str, Any] = {
        "times": arguments.times,
        "seed": arguments.seed,
        "minutes": round((time.time() - began) / 60, 1),
        "rows": {name: vars(row) for name, row in rows.items()},
    }
    if arguments.out:
        arguments.out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    violations = [line for row in rows.values() for line in row.violations]
    for line in violations:
        print(line, file=sys.stderr)
    if violations:
        print(f"their folders: {top}", file=sys.stderr)
        return 1
    shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
