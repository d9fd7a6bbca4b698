"""Shapes written in signatures are checked while the tests run."""

from jaxtyping import install_import_hook

# an int may stand where a float is asked for, as type checkers read annotations (PEP 484)
install_import_hook("core", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")
