"""The presets of the paper's training: what section 6.3 says, for every system, and that each trains from its basis."""

from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from models.registry import REGISTRY
from tests.training import planted
from training.config import TrainingConfig
from training.data.indexed import IndexedDataset
from training.presets import load_recipe

PRESETS = ("dbbook2014-paper", "ml1m-paper")
RECOMMENDATION_ONLY = ("fm", "bprmf", "tup-hard", "tup-soft")
INNER_PRODUCTS = ("fm", "bprmf", "cke", "cofm-share", "cofm-reg")

every_recipe = pytest.mark.parametrize(
    ("preset", "system"), [(preset, system) for preset in PRESETS for system in REGISTRY]
)


@every_recipe
def test_losses_sizes_and_stopping_are_those_of_the_paper(preset: str, system: str) -> None:
    config = load_recipe(preset, system).config
    assert config.protocol == "paper"
    assert (config.recommendation.loss, config.completion.loss, config.completion.margin) == ("bpr", "margin", 1.0)
    assert (config.batch_size, config.completion.batch_size) == (256, 256)
    assert config.model_settings["embedding_size"] == 100
    assert (config.optimiser.schedule, config.optimiser.clip_norm, config.validation.patience) == ("halving", 5.0, 5)


@every_recipe
def test_recommendation_alone_has_a_learning_rate_and_a_decay_of_its_own(preset: str, system: str) -> None:
    optimiser = load_recipe(preset, system).config.optimiser
    found = (optimiser.learning_rate, optimiser.weight_decay)
    assert found == ((0.005, 1e-5) if system in RECOMMENDATION_ONLY else (0.001, 0.0))
    assert optimiser.name == "adam"  # of the paper's Adagrad, the presets say why not


@every_recipe
def test_models_of_inner_products_are_free(preset: str, system: str) -> None:
    settings = load_recipe(preset, system).config.model_settings
    assert settings.get("bounded") == (False if system in INNER_PRODUCTS else None)


@pytest.mark.parametrize(("preset", "share", "preferences"), [("dbbook2014-paper", 0.7, 13), ("ml1m-paper", 0.5, 20)])
def test_lambda_and_the_number_of_preferences_are_those_of_the_data_set(
    preset: str, share: float, preferences: int
) -> None:
    for system in ("cfkg", "cke", "cofm-share", "cofm-reg", "ktup-hard", "ktup-soft"):
        config = load_recipe(preset, system).config
        assert (config.joint, config.joint_weight) == ("steps", share)
    for system in ("tup-hard", "tup-soft"):
        assert load_recipe(preset, system).config.model_settings["n_preferences"] == preferences


@pytest.mark.parametrize("system", [name for name in REGISTRY if "tup" in name])
def test_preferences_have_the_papers_attention_and_the_orthogonality_of_its_code(system: str) -> None:
    for preset in PRESETS:
        config = load_recipe(preset, system).config
        assert config.model_settings.get("attention", "softmax") == "softmax"
        assert config.model_settings.get("combine", "sum") == "sum"
        assert config.recommendation.orthogonality_weight == 1.0


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("system", "sources"),
    [
        ("transh", ("transe",)),
        ("transr", ("transe",)),
        ("tup-hard", ("bprmf",)),
        ("tup-soft", ("bprmf",)),
        ("cfkg", ("bprmf", "transe")),
        ("cke", ("bprmf", "transr")),
        ("cofm-share", ("bprmf", "transe")),
        ("cofm-reg", ("bprmf", "transe")),
        ("ktup-hard", ("tup-hard", "transh")),
        ("ktup-soft", ("tup-soft", "transh")),
        *((basis, ()) for basis in ("fm", "bprmf", "transe")),
    ],
)
def test_larger_models_begin_from_simpler_ones(preset: str, system: str, sources: tuple[str, ...]) -> None:
    assert load_recipe(preset, system).warm_starts == sources


def small(preset: str, system: str) -> TrainingConfig:
    """Give a recipe cut to the planted world: two relations, and vectors of few numbers."""
    fewer = {"model.n_preferences": 2} if system.startswith("tup") else {}
    return load_recipe(preset, system, {"epochs": 1, "model.embedding_size": 8, "batch_size": 64, **fewer}).config


def test_every_system_trains_by_its_recipe_from_what_it_begins_from(world: IndexedDataset, tmp_path: Path) -> None:
    starts = {system: load_recipe("dbbook2014-paper", system).warm_starts for system in REGISTRY}
    for system in TopologicalSorter(starts).static_order():
        sources = [tmp_path / source / "checkpoint" for source in starts[system]]
        result = planted.run(small("dbbook2014-paper", system), world, tmp_path / system, warm_starts=sources)
        assert result.best_epoch == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(REGISTRY)
