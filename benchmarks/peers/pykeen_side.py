"""PyKEEN's side, run by its own Python in the folder of the task; prints one line of JSON.

TransH with squared L2, its sLCWA loop with one corruption a triple, margin loss and Adam; its rank-based evaluator,
filtered. Its regularisers run over the whole tables at every step, as it comes.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pykeen.evaluation import RankBasedEvaluator
from pykeen.models import TransH
from pykeen.training import SLCWATrainingLoop
from pykeen.triples import CoreTriplesFactory

from benchmarks.peers.measuring import WARM_UP, Measurement, between, timed

RANKED_AT_ONCE = 32


def factory(triples: Any, task: dict[str, Any]) -> Any:
    """Give a factory of (n, 3) triples over the whole vocabulary."""
    mapped = torch.as_tensor(triples, dtype=torch.long)
    return CoreTriplesFactory(mapped, num_entities=task["entities"], num_relations=task["relations"])


def training(model: Any, triples: Any, task: dict[str, Any]) -> Measurement:
    """Time an epoch of as many batches as the task says; the amount is its triples."""
    size = task["batch_size"]
    shuffled = np.random.default_rng(0).permutation(triples)

    def work(some: Any) -> float:
        # A new loop each time: one that has trained an epoch takes itself to be done.
        optimiser = torch.optim.Adam(model.get_grad_params(), lr=1e-3)
        loop = SLCWATrainingLoop(
            model=model, triples_factory=some, optimizer=optimiser, automatic_memory_optimization=False
        )
        losses = loop.train(some, num_epochs=1, batch_size=size, use_tqdm=False)
        if losses is None or len(losses) != 1:
            raise RuntimeError(f"one epoch was asked for, these are its losses: {losses}")
        return int(some.num_triples)

    work(factory(shuffled[: size * WARM_UP], task))
    rows = factory(shuffled[: size * task["batches"]], task)
    return timed(lambda: work(rows))


def ranking(model: Any, splits: dict[str, Any], task: dict[str, Any]) -> Measurement:
    """Time the ranking of test triples, both sides, without what it costs once; the amount is the triples."""
    known = [torch.as_tensor(splits[name], dtype=torch.long) for name in ("train", "valid", "test")]
    shuffled = torch.as_tensor(np.random.default_rng(0).permutation(splits["test"]))
    evaluator = RankBasedEvaluator(filtered=True)

    def work(some: Any) -> float:
        evaluator.evaluate(model, some, batch_size=RANKED_AT_ONCE, additional_filter_triples=known, use_tqdm=False)
        return len(some)

    few, many = max(1, task["triples"] // 8), task["triples"]
    work(shuffled[:1])
    return between(timed(lambda: work(shuffled[:few])), timed(lambda: work(shuffled[:many])))


def main() -> None:
    """Measure and print."""
    task = json.loads(Path("task.json").read_text(encoding="utf-8"))
    torch.set_num_threads(task["threads"])
    splits = {name: np.load(f"triples-{name}.npy") for name in ("train", "valid", "test")}
    model = TransH(
        triples_factory=factory(splits["train"], task),
        embedding_dim=task["embedding_size"],
        scoring_fct_norm=2,
        power_norm=True,
        random_seed=0,
    )
    found = {"transh triples": training(model, splits["train"], task), "transh ranking": ranking(model, splits, task)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
