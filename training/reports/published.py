"""What Cao et al. print (WWW 2019), as plain tables, each with its number there; shares in percent.

Their protocol is `paper` (training/evaluation/protocol.py); figures of another protocol never stand beside these.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from training.evaluation.completion import Category

Row = tuple[float, ...]

NAMES: Mapping[str, str] = {
    "fm": "FM",
    "bprmf": "BPRMF",
    "transe": "TransE",
    "transh": "TransH",
    "transr": "TransR",
    "cfkg": "CFKG",
    "cke": "CKE",
    "cofm-share": "CoFM (share)",
    "cofm-reg": "CoFM (reg)",
    "tup-hard": "TUP (hard)",
    "tup-soft": "TUP (soft)",
    "ktup-hard": "KTUP (hard)",
    "ktup-soft": "KTUP (soft)",
}
"""The thirteen systems, as the registry and as the paper writes them."""

WITHOUT_GRAPH = frozenset({"fm", "bprmf", "tup-hard", "tup-soft"})

TABLE_1: Mapping[str, Mapping[str, int]] = {
    "ml1m": {
        "users": 6040,
        "items": 3240,
        "interactions": 998539,
        "entities": 14708,
        "relations": 20,
        "triples": 434189,
        "links": 2934,
    },
    "dbbook2014": {
        "users": 5576,
        "items": 2680,
        "interactions": 65961,
        "entities": 13882,
        "relations": 13,
        "triples": 334511,
        "links": 2534,
    },
}
"""Table 1: statistics (of section 6.1's text and the table, which differ for the films, the table)."""

TABLE_2_METRICS = ("precision", "recall", "f1", "hit", "ndcg")
TABLE_2: Mapping[str, Mapping[str, Row]] = {
    "ml1m": {
        "fm": (29.28, 11.92, 13.81, 81.06, 59.48),
        "bprmf": (30.81, 12.95, 14.84, 83.18, 61.02),
        "cfkg": (29.45, 12.49, 14.23, 82.24, 58.97),
        "cke": (38.67, 16.65, 18.94, 88.36, 67.05),
        "cofm-share": (32.08, 13.02, 15.12, 83.30, 58.69),
        "cofm-reg": (31.74, 12.74, 14.87, 82.67, 58.66),
        "tup-hard": (37.29, 17.07, 18.98, 89.60, 67.40),
        "tup-soft": (37.00, 16.79, 18.76, 89.47, 67.02),
        "ktup-hard": (40.87, 17.24, 19.79, 88.97, 69.65),
        "ktup-soft": (41.03, 17.25, 19.82, 89.03, 69.92),
    },
    "dbbook2014": {
        "fm": (3.44, 21.55, 5.75, 30.15, 20.10),
        "bprmf": (3.56, 22.46, 5.96, 31.26, 21.01),
        "cfkg": (3.17, 19.69, 5.30, 28.09, 19.87),
        "cke": (3.92, 23.41, 6.51, 33.18, 27.78),
        "cofm-share": (3.41, 20.78, 5.67, 29.84, 20.92),
        "cofm-reg": (3.32, 20.54, 5.54, 28.96, 20.53),
        "tup-hard": (3.40, 21.11, 5.67, 29.56, 20.19),
        "tup-soft": (3.62, 22.81, 6.06, 31.42, 21.54),
        "ktup-hard": (4.04, 24.48, 6.71, 34.49, 27.38),
        "ktup-soft": (4.05, 24.51, 6.73, 34.61, 27.62),
    },
}
"""Table 2: overall performance on item recommendation, @10."""

TABLE_3_CATEGORIES: tuple[Category, ...] = ("1-1", "1-N", "N-1", "N-N")
TABLE_3_HEADS: Mapping[str, Mapping[str, Row]] = {
    "ml1m": {
        "transe": (59.62, 56.76, 64.55, 24.56),
        "transh": (61.54, 48.65, 65.73, 25.51),
        "transr": (17.31, 29.73, 32.88, 18.50),
        "cfkg": (59.62, 51.35, 63.31, 20.30),
        "cke": (19.23, 21.62, 24.16, 14.81),
        "cofm-share": (65.38, 59.46, 66.13, 24.42),
        "cofm-reg": (69.23, 70.27, 66.09, 24.30),
        "ktup-hard": (67.31, 59.46, 66.42, 25.67),
        "ktup-soft": (75.00, 56.76, 67.16, 26.09),
    }
}
"""Table 3, left: Hits@10 of heads by relation category; the paper gives it for MovieLens alone."""

TABLE_3_TAILS: Mapping[str, Mapping[str, Row]] = {
    "ml1m": {
        "transe": (65.38, 62.16, 78.52, 46.25),
        "transh": (57.69, 78.38, 75.62, 46.73),
        "transr": (17.31, 43.24, 53.12, 38.88),
        "cfkg": (57.69, 70.27, 78.56, 41.22),
        "cke": (7.69, 24.32, 37.83, 34.82),
        "cofm-share": (61.54, 72.97, 81.05, 45.99),
        "cofm-reg": (48.08, 86.49, 80.72, 45.79),
        "ktup-hard": (57.69, 81.08, 79.22, 47.24),
        "ktup-soft": (63.46, 81.08, 78.34, 47.65),
    }
}
"""Table 3, right: Hits@10 of tails by relation category."""

TABLE_4_METRICS = ("hits", "mean_rank")
TABLE_4: Mapping[str, Mapping[str, Row]] = {
    "ml1m": {
        "transe": (46.95, 537),
        "transh": (47.63, 537),
        "transr": (38.93, 609),
        "cfkg": (41.56, 523),
        "cke": (34.37, 585),
        "cofm-share": (46.62, 515),
        "cofm-reg": (46.51, 506),
        "ktup-hard": (48.39, 525),
        "ktup-soft": (48.90, 527),
    },
    "dbbook2014": {
        "transe": (60.71, 531),
        "transh": (60.06, 556),
        "transr": (56.33, 563),
        "cfkg": (58.83, 547),
        "cke": (54.66, 593),
        "cofm-share": (57.01, 529),
        "cofm-reg": (60.81, 521),
        "ktup-hard": (60.53, 501),
        "ktup-soft": (60.75, 499),
    },
}
"""Table 4: overall performance on graph completion: Hits@10, and the mean rank, of which less is better."""

FIGURE_5: Mapping[str, Mapping[str, float]] = {
    "dbbook2014": {"ktup-soft": 0.97, "cofm-share": 0.81, "cfkg": 0.97, "cke": 0.94}
}
"""Figure 5: Pearson's rho of the two tasks' curves. The paper says KTUP and CoFM, and not which of the two kinds."""

_ALIASES: Mapping[str, str] = {
    "ml1m": "ml1m",
    "movielens1m": "ml1m",
    "dbbook2014": "dbbook2014",
    "dbbook": "dbbook2014",
}
TITLES: Mapping[str, str] = {"ml1m": "MovieLens-1m", "dbbook2014": "DBbook2014"}


@dataclass(frozen=True)
class Published:
    """What the paper prints of one data set; a table that it does not print is empty."""

    title: str
    statistics: Mapping[str, int]
    recommendation: Mapping[str, Row]
    heads: Mapping[str, Row]
    tails: Mapping[str, Row]
    completion: Mapping[str, Row]
    correlation: Mapping[str, float]


NOTHING = Published("", {}, {}, {}, {}, {}, {})


def published_for(dataset_name: str) -> Published:
    """Give what the paper prints of a data set of this name (`ml1m`, `MovieLens-1M`, `dbbook2014`); else nothing.

    >>> published_for("MovieLens-1M").completion["ktup-soft"]
    (48.9, 527)
    >>> published_for("sample").title
    ''
    """
    key = _ALIASES.get(re.sub(r"[^a-z0-9]", "", dataset_name.lower()))
    if key is None:
        return NOTHING
    return Published(
        title=TITLES[key],
        statistics=TABLE_1[key],
        recommendation=TABLE_2[key],
        heads=TABLE_3_HEADS.get(key, {}),
        tails=TABLE_3_TAILS.get(key, {}),
        completion=TABLE_4[key],
        correlation=FIGURE_5.get(key, {}),
    )


def name_of(system: str) -> str:
    """Give a system's name as the paper writes it; that of the registry where the paper has none."""
    return NAMES.get(system, system)
