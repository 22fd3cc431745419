"""For calls without parameters: any parameter is a mistake, and is told."""

from pydantic import BaseModel, ConfigDict


class NoParameters(BaseModel):
    """Nothing can be asked for."""

    model_config = ConfigDict(extra="forbid")
