"""Figure 4: F1 by how active users are, in ten groups of balanced size.

"Balanced" is the paper's word (section 6.4.3: users as well as ratings). Here a user weighs half its share of users
plus half its share of training interactions, and the groups are ten equal parts of that weight, from the least active
users on. Users with the same number of interactions stay together: all go where the middle of their common weight lies,
so there may be fewer groups than ten.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.reports.figures.style import BARS, INK, look_of, new_figure, save
from training.reports.markdown import number, plain, table
from training.reports.published import NAMES, name_of
from training.reports.results import ReportError, Results
from training.suite.result import read_users

GROUPS = 10
Floats = NDArray[np.float64]


def activity_groups(interactions: NDArray[np.int64], n_groups: int = GROUPS) -> NDArray[np.int64]:
    """Give the group, 0 for the least active, of (B,) users by their numbers of training interactions.

    Every group from 0 to the last has a user.

    >>> activity_groups(np.array([1, 9, 1, 1]), n_groups=2).tolist()
    [0, 1, 0, 0]
    """
    if not len(interactions):
        return np.zeros(0, dtype=np.int64)
    numbers, group_of, users = np.unique(interactions, return_inverse=True, return_counts=True)
    total = max(1, int(interactions.sum()))
    weight = (users / len(interactions) + users * numbers / total) / 2
    weight /= weight.sum()
    middle = np.cumsum(weight) - weight / 2
    groups = np.minimum((middle * n_groups).astype(np.int64), n_groups - 1)
    return np.unique(groups, return_inverse=True)[1][group_of].astype(np.int64)


@dataclass(frozen=True)
class Activity:
    """For (G,) groups: users, mean number of training interactions, and F1 in percent by system (mean over seeds)."""

    users: NDArray[np.int64]
    interactions: Floats
    f1: Mapping[str, Floats]


def activity_of(results: Results) -> Activity | None:
    """Group the test users of a suite; None where no system recommends.

    Raises:
        SuiteError: the users of a result cannot be read.
        ReportError: two results are of other users.
    """
    order = [name for name in NAMES if name in results.runs] + [name for name in results.runs if name not in NAMES]
    able = [name for name in order if results.of(name)[0].test.recommendation is not None]
    if not able:
        return None
    first = read_users(results.folder_of(results.of(able[0])[0]))
    groups = activity_groups(first["train_interactions"])
    users = np.bincount(groups)
    f1 = {}
    for system in able:
        values = [_f1_of(results, system, k, first["users"]) for k in range(len(results.of(system)))]
        f1[system] = 100 * np.bincount(groups, weights=np.mean(values, axis=0)) / users
    return Activity(users, np.bincount(groups, weights=first["train_interactions"]) / users, f1)


def _f1_of(results: Results, system: str, k: int, users: NDArray[np.str_]) -> Floats:
    folder = results.folder_of(results.of(system)[k])
    found = read_users(folder)
    if not np.array_equal(found["users"], users):
        raise ReportError(f"{folder}: its test users are not those of the other results; remove it and measure again")
    return np.asarray(found["f1"], dtype=np.float64)


def activity_table(activity: Activity) -> str:
    """Give the figure as numbers."""
    header = ["Group", "Users", "Interactions", *(plain(name_of(system)) for system in activity.f1)]
    return table(
        header,
        [
            [str(k + 1), str(int(users)), number(float(activity.interactions[k]), 1)]
            + [number(float(values[k]), 2) for values in activity.f1.values()]
            for k, users in enumerate(activity.users)
        ],
    )


def draw_activity(activity: Activity, folder: Path, name: str) -> None:
    """Draw bars for interactions and a line for each system; writes name.png and name.svg."""
    places = np.arange(len(activity.users))
    with new_figure(10, 5.6) as figure:
        bars = figure.subplots()
        bars.bar(places, activity.interactions, color=BARS, width=0.72)
        bars.set_ylabel("mean number of training interactions (bars)")
        bars.set_xticks(places, [f"{k + 1}\n{mean:.0f}" for k, mean in enumerate(activity.interactions)])
        bars.set_xlabel("group of users, from the least active one, and its mean number of training interactions")
        lines = bars.twinx()
        lines.spines["top"].set_visible(False)
        for system, values in activity.f1.items():
            look = look_of(system)
            lines.plot(
                *(places, values),
                color=look.colour,
                linestyle=(0, (5, 2)) if look.dashed else "-",
                marker=look.marker,
                markersize=6,
                markerfacecolor=look.colour if look.filled else "white",
                linewidth=1.6,
                label=name_of(system),
            )
        lines.set_ylabel("F1@10, percent (lines)")
        lines.set_ylim(0, 1.05 * max(1e-9, *(float(values.max()) for values in activity.f1.values())))
        bars.set_title("F1 by activity of users; dashed: without graph", loc="left", color=INK)
        drawn = lines.get_legend_handles_labels()
        figure.legend(*drawn, loc="outside right upper", frameon=False, fontsize=9, handlelength=3.6)
        save(figure, folder, name)
