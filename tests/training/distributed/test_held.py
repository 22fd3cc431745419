"""What processes answer of the users that they hold adds up to what one answers of all. `total` adds nothing here."""

import numpy as np
import pytest
import torch

from tests.training import planted
from tests.training.planted import CPU
from training.config import ConfigError
from training.data.shards.users import UserShards
from training.distributed.held import HeldShards, KnownOfAll, held_range, part_of
from training.distributed.processes import ALONE, Processes
from training.sampling.membership import KnownSet

WORLD = planted.indexed()
PAIRS = WORLD.interactions["train"]
SIZES = len(WORLD.users), len(WORLD.items)


def answering(rank: int) -> KnownOfAll:
    """Give what one of four processes answers."""
    part = part_of(WORLD, 4, Processes(rank, 4))
    assert isinstance(part.shards, UserShards)
    return HeldShards(part.shards, part, ALONE).known(part.interactions["train"], SIZES[1], CPU)


def test_answers_of_four_about_drawn_pairs_add_up_to_those_of_one() -> None:
    whole, random = KnownSet(PAIRS, SIZES, CPU), np.random.default_rng(0)
    users, items = (torch.from_numpy(random.integers(0, size, 500)) for size in SIZES)
    answers = torch.stack([answering(rank).contains(users, items) for rank in range(4)])
    assert torch.equal(answers.any(0), whole.contains(users, items))
    assert int(answers.sum(0).max()) == 1
    assert all(answer.any() for answer in answers)


@pytest.mark.parametrize("drawn", [1, 7, 8, 30])
def test_answers_about_shared_items_survive_being_sent_as_bits(drawn: int) -> None:
    whole, users = KnownSet(PAIRS, SIZES, CPU), torch.arange(SIZES[0]).flip(0)
    items = torch.randperm(SIZES[1], generator=torch.Generator().manual_seed(0))[:drawn]
    grids = torch.stack([answering(rank).grid(users, items) for rank in range(4)])
    assert torch.equal(grids.any(0), whole.contains(users.unsqueeze(1), items.unsqueeze(0)))


def test_a_process_keeps_known_pairs_of_its_own_users_alone() -> None:
    assert [len(answering(rank).own._known) - 1 for rank in range(4)] == [77, 70, 77, 70]


def test_shards_are_stretches_alike_for_all_processes() -> None:
    assert [held_range(6, Processes(rank, 3)) for rank in range(3)] == [range(2), range(2, 4), range(4, 6)]
    with pytest.raises(ConfigError, match="data_shards: 4 do not go evenly on 3 processes; give a multiple of 3"):
        held_range(4, Processes(0, 3))


def test_a_data_set_read_for_others_is_refused() -> None:
    read = WORLD.of_shards(4, range(2))
    for n_shards, processes in ((4, ALONE), (2, Processes(0, 1)), (1, ALONE)):
        with pytest.raises(ConfigError, match="the data set was read for other shards"):
            part_of(read, n_shards, processes)
