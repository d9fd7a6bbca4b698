"""The lab where it was installed by somebody else: nothing of it can be written, and there is no home folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab.runs import FLAGS

ROOT = Path(__file__).parents[2]
READ_ONLY = """
for place in "$@"; do
    mount --bind "$place" "$place" && mount -o remount,ro,bind "$place" || exit 77
done
! touch "$1/written" 2>/dev/null || exit 78
exec "$PYTHON" -c "$SCRIPT"
"""
SCRIPT = f"""
import sys
from lab.cli import run
for words in (
    ["train", "toy", *{FLAGS!r}, "--steps", "2", "--name", "r"],
    ["list"],
    ["evaluate", "r"],
    ["project", "r"],
    ["export", "r", "--out", "bundle"],
):
    code = run(words)
    if code:
        sys.exit(f"{{words[0]}}: exit code {{code}}")
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="mounts folders read-only in a name space of its own")
def test_everything_works_from_a_read_only_installation_without_a_home_folder(tmp_path, runs):
    places = [str(ROOT), sys.prefix]
    done = subprocess.run(
        ["unshare", "--mount", "--map-root-user", "sh", "-c", READ_ONLY, "sh", *places],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PYTHON": sys.executable,
            "SCRIPT": SCRIPT,
            "HOME": "/nonexistent",
            "PARALLAX_RUNS": str(runs),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode in (1, 77) and ("unshare" in done.stderr or "mount" in done.stderr):
        pytest.skip(f"folders cannot be mounted read-only here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "bundle" / "model.safetensors").is_file()
