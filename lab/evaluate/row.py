"""A row of a result."""

from typing import Any

Row = dict[str, Any]
"""Values by key, as JSON documents and data frames hold them."""
