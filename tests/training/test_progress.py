import io
from typing import Any

from rich.console import Console

from training.progress import RichObserver, Stages, describe


def test_an_epochs_line_holds_both_losses_and_the_metrics_in_percent() -> None:
    record: dict[str, Any] = {"epoch": 12, "seconds": 61.04, "recommendation_loss": 1.25, "completion_loss": 0.5}
    record |= {"valid": {"mean_rank": 30.0, "mrr": 0.4, "f1": 0.0525, "users": 42.0}, "best": False}
    assert describe(record) == (
        "epoch  12  61.0 s  loss: recommendation 1.2500, completion 0.5000  valid %: f1 5.25, mrr 40.00"
    )


def test_an_epoch_without_validation_shows_its_losses_alone() -> None:
    record = {"epoch": 1, "seconds": 0.0, "recommendation_loss": 2.0}
    assert describe(record) == "epoch   1   0.0 s  loss: recommendation 2.0000"


def test_without_a_terminal_each_epoch_is_one_plain_line() -> None:
    text = io.StringIO()
    with RichObserver(3, Console(file=text, width=20)) as observer:
        observer.step(1, 1, 2)
        observer.epoch({"epoch": 1, "seconds": 1.0, "completion_loss": 0.5, "valid": {"hits": 0.25}, "best": True})
    assert text.getvalue() == "epoch   1   1.0 s  loss: completion 0.5000  valid %: hits 25.00 *\n"


def test_on_a_terminal_the_bar_shows_the_steps_and_leaves_the_epochs_lines() -> None:
    text = io.StringIO()
    with RichObserver(3, Console(file=text, width=120, force_terminal=True)) as observer:
        observer.step(2, 1, 5)
        observer.epoch({"epoch": 2, "seconds": 1.0, "completion_loss": 0.5})
    assert "1/5 steps" in text.getvalue()
    assert "epoch   2   1.0 s  loss: completion 0.5000" in text.getvalue()


def test_stages_count_names_and_not_how_far_one_is() -> None:
    with Stages(3, Console(file=io.StringIO(), force_terminal=False)) as stages:
        seen = []
        for text in ("measuring", "sorting: 1 of 2", "sorting: 2 of 2", "writing", "more than was said"):
            stages.tell(text)
            seen.append(stages.done)
    assert seen == [0, 1, 1, 2, 3]
