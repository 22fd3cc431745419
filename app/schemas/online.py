"""Online figures: which lists were served, and what people did with them."""

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.services.online import OnlineReport
from app.stored_operations import OnlineCounts

_RATE = "0 to 1; null where there is nothing to divide by."


class OnlineParameters(BaseModel):
    """The time that is looked at."""

    model_config = ConfigDict(extra="forbid")

    since: AwareDatetime | None = Field(
        None, description="Lists served from then on, with a time zone; seven days before `until` if left out."
    )
    until: AwareDatetime | None = Field(None, description="Lists served before then; now if left out.")


class OnlineGroup(BaseModel):
    """What became of the lists of one release and one strategy."""

    release: str = Field(description="The release that answered.", examples=["sample-2026-01-31"])
    strategy: str = Field(description="How the lists were made.", examples=["personalized"])
    lists: int = Field(description="Lists computed and served; one that is cached and sent again counts once.")
    items: int = Field(description="Items in them.")
    lists_clicked: int = Field(description="Lists with a `click` on an item that was in them.")
    items_clicked: int = Field(description="Such items, once for each list.")
    lists_taken: int = Field(description="Lists with a `view`, `like`, `purchase` or `rating` of an item in them.")
    items_taken: int = Field(description="Such items, once for each list.")
    click_through: float | None = Field(description=f"`lists_clicked` over `lists`, {_RATE}", examples=[0.08])
    item_click_through: float | None = Field(description=f"`items_clicked` over `items`, {_RATE}", examples=[0.011])
    take_rate: float | None = Field(description=f"`lists_taken` over `lists`, {_RATE}", examples=[0.03])

    @classmethod
    def of(cls, counts: OnlineCounts) -> "OnlineGroup":
        """Convert what the service says."""
        names = ("lists", "items", "lists_clicked", "items_clicked", "lists_taken", "items_taken")
        return cls(
            release=counts.release_id,
            strategy=counts.strategy,
            **{name: getattr(counts, name) for name in names},
            click_through=_rate(counts.lists_clicked, counts.lists),
            item_click_through=_rate(counts.items_clicked, counts.items),
            take_rate=_rate(counts.lists_taken, counts.lists),
        )


class OnlineBody(BaseModel):
    """Online figures by release and strategy. During an experiment, each release has its own lines."""

    since: AwareDatetime = Field(description="From when lists are counted (UTC).")
    until: AwareDatetime = Field(description="Until before when (UTC).")
    groups: list[OnlineGroup] = Field(description="One for each release and strategy with a list in that time.")

    @classmethod
    def of(cls, report: OnlineReport) -> "OnlineBody":
        """Convert what the service says."""
        return cls(since=report.since, until=report.until, groups=[OnlineGroup.of(each) for each in report.groups])


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None
