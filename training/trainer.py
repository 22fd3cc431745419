"""The training loop, from top to bottom: batches, joint loss, step, constraint, validation, best epoch."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn

from models.checkpoint import write_checkpoint
from models.geometry import undrawn
from models.interface import Sizes
from models.registry import build, config_from
from training.best_epoch import BestEpoch
from training.comparisons import Batches
from training.config import ConfigError, TrainingConfig
from training.data.batches import endless, planned, shuffled
from training.data.indexed import IndexedDataset
from training.data.shards.order import ShardedOrder
from training.distributed.gradients import GradientSum
from training.distributed.held import HeldShards, part_of
from training.distributed.processes import ALONE, CPU, Processes
from training.distributed.whole import whole_state
from training.evaluation.protocol import PROTOCOLS, alignment_under
from training.objectives import ListwiseObjective, drawn, joined, objectives_of
from training.optimisation import learning_rate, new_optimiser
from training.refit import with_validation_in_training
from training.run_state import (
    CHECKPOINT,
    STATE,
    Progress,
    all_finite,
    check_folder,
    ended_before,
    fingerprint_of,
    load_state,
    save_state,
)
from training.selection import selected
from training.steps import Steps, WholeSteps
from training.touched import TouchedSteps
from training.validation import Validation
from training.warm_start import warm_start

LOSS_CHECK_ON_GPU = 50


class NotFinite(Exception):
    """Training met a loss, a parameter or a score that is no finite number; the best epoch so far is kept."""


class Observer(Protocol):
    """Who watches a run."""

    def resumed(self, history: list[dict[str, Any]]) -> None:
        """Tell that a run goes on, and the records of the epochs that were over before."""
        ...

    def step(self, epoch: int, done: int, of: int) -> None:
        """Tell that `done` of `of` steps of an epoch are taken."""
        ...

    def epoch(self, record: dict[str, Any]) -> None:
        """Tell an epoch's losses, seconds and, where it was validated, metrics."""
        ...


@dataclass(frozen=True)
class TrainingResult:
    """Where the best epoch's checkpoint is, and how the run went."""

    checkpoint: Path
    best_epoch: int
    history: list[dict[str, Any]]


def train(
    config: TrainingConfig,
    dataset: IndexedDataset,
    run: Path,
    device: torch.device,
    observer: Observer,
    resume: bool = False,
    warm_starts: Sequence[Path] = (),
    processes: Processes = ALONE,
    shard_tables: bool = False,
) -> TrainingResult:
    """Train to early stopping or the last epoch, and publish the best validated epoch as run/checkpoint.

    Same seed, same data, same device and same thread count give the same weights; a run that was killed and is
    resumed gives them too (on the CPU). `warm_starts` are checkpoints to begin from; a resumed run names them again.

    Where several `processes` train, each calls this with the same arguments. They draw the same batches, share out the
    rows, and add their gradients up: the losses are those of one process, but for the order of sums. The first alone
    reads and writes `run` and the checkpoints. With `shard_tables` each holds a stretch of the rows of users, items and
    entities alone. A run that torchrun began anew goes on from the last epoch that was saved.

    With `config.data_shards` above 1 each holds the interactions of its shards of users alone, validates those users,
    and asks the others for what a batch needs of theirs. `dataset` may be whole, or what `load_held` has read for it.

    Raises:
        ConfigError: the model or the data have not what the settings ask for.
        ResumeError: the folder holds another run, or none where one was to be resumed.
        NotFinite: a loss, a parameter or a score is no finite number.
        WarmStartError: a checkpoint cannot begin this run.
        StoppedByAnotherProcess: another process that trains along met one of these.
    """
    begun_anew = processes.restarts > 0
    if begun_anew and (ended := processes.first(lambda: ended_before(run))) is not None:
        return TrainingResult(run / CHECKPOINT, *ended)
    resume = resume or (begun_anew and processes.first((run / STATE).is_file))
    processes.first(lambda: check_folder(run, resume))
    learnt = with_validation_in_training(dataset, config.refit_facts) if config.refit else dataset
    part = processes.together(lambda: part_of(learnt, config.data_shards, processes))
    held = HeldShards(part.shards, part, processes) if part.shards is not None else None
    trainer = processes.together(
        lambda: _Trainer(config, part, run, device, observer, warm_starts, processes, shard_tables, held)
    )
    trainer.start(resume)
    return trainer.run_all()


class _Trainer:
    def __init__(
        self,
        config: TrainingConfig,
        dataset: IndexedDataset,
        run: Path,
        device: torch.device,
        observer: Observer,
        warm_starts: Sequence[Path],
        processes: Processes,
        sharded: bool,
        held: HeldShards | None,
    ) -> None:
        self.held = held
        self.config, self.dataset, self.run, self.device, self.observer = config, dataset, run, device, observer
        self.processes, self.sharded = processes, sharded
        self.model = new_model(config, dataset)
        given = warm_starts if processes.leads else ()  # the others take the weights of the first one
        self.warm_starts = warm_start(self.model, config, self.dataset.vocabularies, given)
        self.gradients = GradientSum()
        self.generator = Generator(device).manual_seed(config.seed)
        self.progress = Progress()
        avoid = PROTOCOLS[config.protocol].negatives_avoid
        self.recommendation, self.completion = objectives_of(
            self.model, config, dataset, avoid, device, processes.share, held
        )
        self.tasks = self.recommendation is not None, self.completion is not None
        self.order = self._new_order()
        self.plan = self._plan_epoch()
        self.fingerprint = fingerprint_of(config, dataset, self.warm_starts)
        self.validation = Validation(config, dataset, self.tasks, CPU if sharded else device, held)
        self.best = BestEpoch(run, self._write_checkpoint)
        self._check_rows()

    def _new_order(self) -> ShardedOrder | None:
        """Give the order over rows of all shards: users, where a batch is of whole ones, or else interactions."""
        if self.held is None:
            return None
        counts = self.held.learners if isinstance(self.recommendation, ListwiseObjective) else self.held.rows
        return ShardedOrder(counts, self.held.users.held, self.held.total)

    def _plan_epoch(self) -> list[tuple[bool, bool]]:
        """Tell for each step of an epoch whether it takes interactions, and whether it takes triples."""
        if self.recommendation is not None:
            rows = len(self.recommendation.rows if self.order is None else self.order)
            size = self.config.batch_size
        else:
            rows, size = len(self.dataset.triples["train"]), self.config.completion.batch_size
        if rows == 0:
            raise ConfigError(f"{self.dataset.name} has no training rows for {self.config.model_name}")
        if self.completion is not None and len(self.dataset.triples["train"]) == 0:
            raise ConfigError(f"{self.dataset.name} has no training triples; {self.config.model_name} needs a graph")
        in_turns = all(self.tasks) and self.config.joint == "steps"
        return planned(rows, size, self.tasks, self.config.joint_weight if in_turns else None)

    def _check_rows(self) -> None:
        touched = self.config.optimiser.rows == "touched"
        if touched and isinstance(self.recommendation, ListwiseObjective):
            raise ConfigError("optimiser.rows: a listwise batch touches all items; leave it at 'all'")
        if touched and self.sharded:
            raise ConfigError("optimiser.rows: 'touched' is for tables that lie in one place; leave it at 'all'")
        if self.sharded and self.processes.size == 1:
            raise ConfigError("--shard-tables: there is one process alone; start several with torchrun")

    def start(self, resume: bool) -> None:
        """Bring the model to its place, alike on all processes, and to where the run stands."""
        for tensor in self.model.state_dict().values():
            self.processes.copy_(tensor)
        if self.sharded:
            from training.distributed.tables import shard_tables  # takes a second to load

            shard_tables(self.model, self.processes, self.device)
        self.model.to(self.device)
        self.optimiser = new_optimiser(self.model, self.config.optimiser)
        if resume:
            known = self.fingerprint, self.model, self.optimiser, self.generator
            self.progress = load_state(self.run, *known, self.processes)
            self.observer.resumed(self.progress.history)
        self.processes.first(lambda: self.run.mkdir(parents=True, exist_ok=True))

    def run_all(self) -> TrainingResult:
        validated = self.validation.is_possible
        end = min(self.config.epochs, self.config.stop_epoch or self.config.epochs)
        while self.progress.epoch < end and not self._out_of_patience():
            record = self._train_epoch()
            last = self.progress.epoch == end
            if validated and (self.progress.epoch % self.config.validation.every == 0 or last):
                record |= self._validate()
            elif not validated:
                self._keep_as_best(float(self.progress.epoch), self._whole_model())
            self.progress.history.append(record)
            known = self.fingerprint, self.model, self.optimiser, self.generator
            save_state(self.run, *known, self.progress, self.processes)
            self.processes.first(lambda: self.best.drop_older(self.progress))
            self.observer.epoch(record)
        return self._publish()

    def _train_epoch(self) -> dict[str, Any]:
        started = time.perf_counter()
        self.model.train()
        epoch, losses = self.progress.epoch + 1, torch.zeros(len(self.plan), 2, device=self.device)
        self.steps = self._new_steps()
        for k, (rows, triples) in enumerate(self._batches()):
            self._set_learning_rate()
            losses[k] = self.processes.total(self._step(rows, triples))
            self.progress.step += 1
            if self.device.type == "cpu":
                self._check_losses(epoch, losses, k, k + 1)
            elif k % LOSS_CHECK_ON_GPU == 0 or k + 1 == len(self.plan):  # each look waits for the GPU
                self._check_losses(epoch, losses, max(0, k - LOSS_CHECK_ON_GPU), k + 1)
            self.observer.step(epoch, k + 1, len(self.plan))
        self.steps.settle()
        if (name := all_finite(self.model, self.processes)) is not None:
            raise NotFinite(f"epoch {epoch}: the parameter {name!r} is not finite{self._advice()}")
        self.progress.epoch = epoch
        taken = torch.tensor(self.plan, device=self.device).sum(0).clamp_min(1)
        means = (losses.sum(0) / taken).tolist()
        record: dict[str, Any] = {"epoch": epoch, "seconds": time.perf_counter() - started}
        record |= {"bytes_a_step": self._bytes_a_step()} if self.processes.size > 1 else {}
        record |= {"recommendation_loss": means[0]} if self.recommendation else {}
        return record | ({"completion_loss": means[1]} if self.completion else {})

    def _new_steps(self) -> Steps:
        settings = self.config.optimiser
        gradients = self.gradients if self.processes.size > 1 else None
        if gradients is not None and self.sharded:
            from training.distributed.tables import ShardedSteps

            return ShardedSteps(self.model, self.optimiser, settings.clip_norm, gradients)
        kind = TouchedSteps if settings.rows == "touched" else WholeSteps
        return kind(self.model, self.optimiser, settings.clip_norm, gradients)

    def _bytes_a_step(self) -> float:
        """Give how many bytes this process has sent, a step of this epoch, and count anew."""
        sent, self.gradients.sent = self.gradients.sent, 0
        if self.held is not None:
            sent, self.held.sent = sent + self.held.sent, 0
        return sent / len(self.plan)

    def _batches(self) -> Iterator[Batches]:
        """Yield for each step of the plan its interactions or users, and its triples, drawn with their negatives."""
        positives: Iterator[Callable[[], Any]] = iter(())
        facts: Iterator[Callable[[], Any]] = iter(())
        if self.recommendation is not None:
            passes = shuffled if self.order is None else self.order.passes
            positives = drawn(self.recommendation, passes, self.config.batch_size, self.generator)
        if self.completion is not None:
            facts = drawn(self.completion, endless, self.config.completion.batch_size, self.generator)
        for recommends, completes in self.plan:
            pairs, triples = next(positives) if recommends else None, next(facts) if completes else None
            yield pairs() if pairs else None, triples() if triples else None

    def _step(self, pairs: Any, triples: Any) -> Tensor:
        """Take one step; give the two losses, before weighting, as (2,)."""
        recommendation = completion = None
        model, (placed_pairs, placed_triples) = self.steps.open((pairs, triples))
        if self.recommendation and pairs is not None:
            recommendation = self.recommendation.loss(model, placed_pairs, self.generator, pairs)
        if self.completion and triples is not None:
            completion = self.completion.loss(model, placed_triples, self.generator, triples)
        self.steps.take(joined(recommendation, completion, self.config.joint_weight))
        zero = torch.zeros((), device=self.device)
        return torch.stack([zero if x is None else x.detach() for x in (recommendation, completion)])

    def _set_learning_rate(self) -> None:
        done = self.progress.step / (len(self.plan) * self.config.epochs)
        rate = learning_rate(self.config.optimiser, done, self.progress.halvings)
        for group in self.optimiser.param_groups:
            group["lr"] = rate

    def _check_losses(self, epoch: int, losses: Tensor, first: int, end: int) -> None:
        bad = (~torch.isfinite(losses[first:end])).any(dim=1).nonzero()
        if len(bad):
            k = first + int(bad[0])
            raise NotFinite(f"epoch {epoch}, batch {k + 1}: the loss is {losses[k].sum().item()}{self._advice()}")

    def _advice(self) -> str:
        rate = self.optimiser.param_groups[0]["lr"]
        kept = f"; the best epoch so far is kept in {self.best.path(self.progress)}" if self.progress.best_epoch else ""
        return f" (step {self.progress.step}, learning rate {rate:g}); lower optimiser.learning_rate{kept}"

    def _validate(self) -> dict[str, Any]:
        """Measure the model, and keep it if it is the best so far."""
        whole = self._whole_model(everywhere=self.validation.is_shared)
        try:
            metrics = self._metrics(whole)
        except FloatingPointError as error:
            raise NotFinite(f"epoch {self.progress.epoch}, validation: {error}{self._advice()}") from None
        self._keep_as_best(selected(metrics, self.config.validation.metric), whole)
        return {"valid": metrics, "best": self.progress.best_epoch == self.progress.epoch}

    def _metrics(self, whole: Any) -> dict[str, float]:
        """Measure the model: each process ranks for the users that it alone holds, the first one does the rest."""
        validation, processes = self.validation, self.processes
        if not validation.is_shared:
            return processes.first(lambda: validation.measured(whole, [validation.ranked(whole)]))
        ranked = processes.gathered(processes.together(lambda: validation.ranked(whole)))
        return processes.first(lambda: validation.measured(whole, ranked))

    def _whole_model(self, everywhere: bool = False) -> Any:
        """Give the model; of a sharded one a copy with whole tables, in the main memory of the first process alone.

        With `everywhere` the others have one, too.
        """
        if not self.sharded:
            return self.model
        weights = whole_state(self.model.state_dict(), self.processes, everywhere)
        if not weights:
            return None
        with undrawn():
            whole = new_model(self.config, self.dataset)
        whole.load_state_dict(weights, assign=True)
        return whole

    def _keep_as_best(self, value: float, model: Any) -> None:
        progress = self.progress
        if value > progress.best_value:
            progress.best_value, progress.best_epoch, progress.validations_without_best = value, progress.epoch, 0
            self.processes.first(lambda: self.best.keep(progress, model))
            return
        progress.validations_without_best += 1
        if self.config.optimiser.schedule == "halving":
            progress.halvings += 1
            self.optimiser = new_optimiser(self.model, self.config.optimiser)  # its moments are forgotten

    def _write_checkpoint(self, folder: Path, model: nn.Module) -> None:
        write_checkpoint(folder, self.config.model_name, model, self.dataset.vocabularies, self._manifest())

    def _out_of_patience(self) -> bool:
        return self.progress.validations_without_best >= self.config.validation.patience

    def _manifest(self) -> dict[str, Any]:
        return {
            "dataset": self.dataset.described,
            "training": self.config.model_dump(mode="json"),
            "warm_starts": self.warm_starts,
            "epoch": self.progress.epoch,
            "selected_on": f"valid {self.config.validation.metric}" if self.validation.is_possible else "last epoch",
        }

    def _publish(self) -> TrainingResult:
        self.processes.first(lambda: self.best.publish(self.progress))
        return TrainingResult(self.run / CHECKPOINT, self.progress.best_epoch, self.progress.history)


def new_model(config: TrainingConfig, dataset: IndexedDataset) -> nn.Module:
    """Make the model that the settings name, with the sizes and the alignment of the data, seeded.

    Raises:
        ConfigError: a setting that the model does not have.
    """
    alignment = torch.from_numpy(alignment_under(PROTOCOLS[config.protocol], dataset.alignment))
    sizes = Sizes(len(dataset.users), len(dataset.items), len(dataset.entities), len(dataset.relations), alignment)
    try:
        settings = config_from(config.model_name, config.model_settings)
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return build(config.model_name, settings, sizes, Generator().manual_seed(config.seed))
