"""Which systems are trained, in which order, and the commands that train one of them alone."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.registry import REGISTRY
from training.presets import SystemRecipe, load_recipe


@dataclass(frozen=True)
class Request:
    """What is asked of a suite; `overrides` are dotted settings, for all systems alike."""

    preset: str
    systems: tuple[str, ...]
    seeds: tuple[int, ...]
    overrides: Mapping[str, Any]

    @property
    def preset_name(self) -> str:
        """The preset's name; that of its file where it was given by path."""
        return Path(self.preset).name.removesuffix(".toml")

    def recipe(self, system: str, seed: int) -> SystemRecipe:
        """Give the recipe of a system with a seed.

        Raises:
            ConfigError: no such preset or system, or a bad setting.
        """
        return load_recipe(self.preset, system, {**self.overrides, "seed": seed})

    def ordered(self, seed: int) -> list[SystemRecipe]:
        """Give the recipes of the systems, each after those that it begins from, which are added where not named."""
        found: dict[str, SystemRecipe] = {}
        for system in self.systems:
            self._add(system, seed, found)
        return list(found.values())

    def _add(self, system: str, seed: int, found: dict[str, SystemRecipe]) -> None:
        if system not in found:
            recipe = self.recipe(system, seed)
            for source in recipe.warm_starts:
                self._add(source, seed, found)
            found[system] = recipe


def systems_named(text: str) -> tuple[str, ...]:
    """Read a list of systems as it stands on a command line.

    >>> systems_named("ktup-soft, bprmf")
    ('ktup-soft', 'bprmf')
    >>> len(systems_named("all"))
    13
    """
    return tuple(REGISTRY) if text == "all" else tuple(_parts(text))


def seeds_named(text: str) -> tuple[int, ...]:
    """Read a list of seeds as it stands on a command line; ValueError where one is no whole number from 0.

    >>> seeds_named("0,2")
    (0, 2)
    """
    seeds = tuple(dict.fromkeys(int(part) for part in _parts(text)))
    if not seeds or min(seeds) < 0:
        raise ValueError(text)
    return seeds


def commands(request: Request, system: str, seed: int, threads: int, device: str) -> tuple[str, ...]:
    """Give the shell commands that train and measure a system alone, with all that it begins from.

    They name the data set directory $DATA, and $RUNS the folder for the runs.
    """
    alone = Request(request.preset, (system,), request.seeds, request.overrides)
    settings = {**request.overrides, "seed": seed}
    how = [*_flags("--set", (f"{name}={_spelt(value)}" for name, value in settings.items()))]
    how += ["--threads", str(threads), "--device", device]
    lines = [_train(request.preset, recipe, seed, how) for recipe in alone.ordered(seed)]
    last = f'--checkpoint "$RUNS/{system}-{seed}/checkpoint" --threads {threads} --device {device}'
    return (*lines, f'python -m training evaluate --data "$DATA" {last}')


def _train(preset: str, recipe: SystemRecipe, seed: int, how: list[str]) -> str:
    words = shlex.join(["--preset", preset, "--system", recipe.name, *how])
    starts = "".join(f' --warm-start "$RUNS/{source}-{seed}/checkpoint"' for source in recipe.warm_starts)
    return f'python -m training train --data "$DATA" {words}{starts} --out "$RUNS/{recipe.name}-{seed}"'


def _flags(name: str, values: Iterable[str]) -> Iterable[str]:
    for value in values:
        yield from (name, value)


def _spelt(value: Any) -> str:
    """Spell a setting so that the command line reads the same value."""
    return json.dumps(value)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
