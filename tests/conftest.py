"""Shapes written in signatures are checked while the tests run."""

from hypothesis import settings
from jaxtyping import install_import_hook

# a test that waits for others on a busy machine is no slow test
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# an int may stand where a float is asked for, as type checkers read annotations (PEP 484)
install_import_hook("core", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
