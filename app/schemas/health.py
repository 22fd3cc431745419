"""Health: alive, and ready."""

from typing import Literal

from pydantic import BaseModel, Field


class Liveness(BaseModel):
    """The process answers."""

    status: Literal["live"] = Field("live", description="Always `live`.")


class ReadinessBody(BaseModel):
    """The service can answer."""

    status: Literal["ready"] = Field("ready", description="Always `ready`; anything else is a 503.")
    release: str = Field(description="The release that answers.")
    degraded: list[str] = Field(
        description="Parts that are away without stopping answers, such as `cache` or `vector_engine`."
    )
    rebuilt: dict[str, str] = Field(
        description="By release, why its index was made again from its weights, in memory: a file of it is broken. "
        "Answers are right; each start takes longer until the file is replaced. Empty where every index was read."
    )
