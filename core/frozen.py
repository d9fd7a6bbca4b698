"""The base of all settings: models that never change, and ranges of numbers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Above0 = Annotated[float, Field(gt=0.0)]


class Frozen(BaseModel):
    """Settings that are read-only; a misspelt name is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
