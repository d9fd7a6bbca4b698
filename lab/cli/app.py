"""`lab app`: the dashboard."""

import sys
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from core.errors import InputError

MAIN = Path(__file__).parents[2] / "app" / "main.py"


@dataclass(frozen=True)
class Command:
    """Opens the dashboard in the browser, the same as `streamlit run app/main.py`."""

    port: int = 8501
    """Of the page on this machine."""

    def __call__(self) -> None:
        if find_spec("streamlit") is None:
            raise InputError(
                "the dashboard needs streamlit, which is not installed: pip install 'parallax-lab[app]'"
            )
        from streamlit.web import cli

        sys.argv = ["streamlit", "run", str(MAIN), "--server.port", str(self.port)]
        cli.main()
