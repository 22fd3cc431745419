"""Thirteen names, and what a name settles."""

from dataclasses import asdict

import pytest

from models.registry import FAMILIES, REGISTRY, config_from

SYSTEMS = {
    *("fm", "bprmf", "tup-hard", "tup-soft"),
    *("cfkg", "cke", "cofm-share", "cofm-reg", "ktup-hard", "ktup-soft"),
    *("transe", "transh", "transr"),
}


def test_the_registry_holds_the_thirteen_systems_of_the_paper_and_nothing_else() -> None:
    assert set(REGISTRY) == SYSTEMS
    assert len(SYSTEMS) == 13


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("tup-hard", "strategy", "hard"),
        ("tup-soft", "strategy", "soft"),
        ("ktup-hard", "strategy", "hard"),
        ("ktup-soft", "strategy", "soft"),
        ("cofm-share", "tie", "share"),
        ("cofm-reg", "tie", "reg"),
    ],
)
def test_a_name_settles_its_setting_whether_it_is_written_out_or_not(name: str, key: str, value: str) -> None:
    assert asdict(config_from(name, {}))[key] == value
    assert config_from(name, {key: value}) == config_from(name, {})


@pytest.mark.parametrize("family", sorted(FAMILIES))
@pytest.mark.parametrize("strategy", ["hard", "soft"])
def test_the_name_of_a_family_with_a_strategy_is_the_same_model(family: str, strategy: str) -> None:
    named, general = REGISTRY[f"{family}-{strategy}"], FAMILIES[family]
    assert (named.model, named.config) == (general.model, general.config)
    assert config_from(family, {"strategy": strategy}) == config_from(f"{family}-{strategy}", {})


def test_every_setting_that_a_checkpoint_writes_is_read_back() -> None:
    for name in [*REGISTRY, *FAMILIES]:
        config = config_from(name, {})
        assert config_from(name, asdict(config)) == config
