"""The number of copies per forward pass: chosen for speed within a bound of memory, and looked for once."""

import pytest
import torch

from methods import batch_size
from methods.batch_size import MEMORY, Cost, fastest
from methods.masking import masked_probabilities, upsampled
from methods.replay import PATIENCE
from tests.conftest import small_classifier

SMALL = 1e6


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({16: 4.0, 32: 2.0, 64: 1.0}, 64),
        ({16: 1.02, 32: 1.0, 64: 1.0}, 16),  # a larger pass must earn its memory
        ({16: 1.2, 32: 1.02, 64: 1.0}, 32),
        ({16: 1.0, 32: 2.0, 64: 3.0}, 16),
    ],
)
def test_the_smallest_of_the_fast_ones(seconds, expected):
    assert fastest({count: Cost(time, SMALL) for count, time in seconds.items()}) == expected


def test_what_needs_too_much_memory_is_not_taken():
    costs = {16: Cost(4.0, SMALL), 32: Cost(2.0, MEMORY), 64: Cost(1.0, 1.1 * MEMORY)}
    assert fastest(costs) == 32


def test_the_smallest_where_all_need_too_much():
    assert fastest({16: Cost(2.0, 2 * MEMORY), 32: Cost(1.0, 4 * MEMORY)}) == 16


def test_nothing_is_measured_on_a_cpu(monkeypatch):
    monkeypatch.setattr(batch_size, "_costs", lambda *_: pytest.fail("measured"))
    assert batch_size.batch_size(small_classifier(), torch.rand(3, 32, 32)) == batch_size.FIXED


@pytest.fixture
def searching(monkeypatch):
    """Search on the CPU, as elsewhere; what was asked of the clock."""
    asked = []
    monkeypatch.setattr(batch_size, "CANDIDATES", {"cpu": (2, 4, 8)})
    monkeypatch.setattr(batch_size, "_seconds", lambda _, copies: asked.append(len(copies)) or 1 / len(copies))
    return asked


def test_once_for_each_network_size_and_precision(searching):
    model, image = small_classifier(), torch.rand(3, 32, 32)
    assert batch_size.batch_size(model, image) == 8
    once = [count for count in (2, 4, 8) for _ in range(PATIENCE + 1 + batch_size.ROUNDS)]
    assert searching == once
    batch_size.batch_size(model, torch.rand(3, 32, 32))
    assert searching == once
    batch_size.batch_size(model, torch.rand(3, 48, 32))
    with torch.autocast("cpu", torch.bfloat16):
        batch_size.batch_size(model, image)
    batch_size.batch_size(small_classifier(), image)
    assert searching == 4 * once


def test_the_clock_is_asked(monkeypatch):
    monkeypatch.setattr(batch_size, "CANDIDATES", {"cpu": (2, 4)})
    costs = batch_size._costs(small_classifier(), torch.rand(3, 32, 32))
    assert list(costs) == [2, 4] and all(cost.seconds > 0 for cost in costs.values())


def test_no_images_are_images_of_a_size(searching):
    assert batch_size.batch_size(small_classifier(), torch.rand(0, 3, 32, 32)) == 8


def test_what_should_need_too_much_memory_is_not_tried(searching, monkeypatch):
    tried = []
    monkeypatch.setattr(
        batch_size, "_cost", lambda _, copies: tried.append(len(copies)) or Cost(1.0, 0.2 * MEMORY * len(copies))
    )
    batch_size.batch_size(small_classifier(), torch.rand(3, 32, 32))
    assert tried == [2, 4]


def test_a_search_ends_where_memory_does(searching, monkeypatch):
    def seconds(_, copies):
        if len(copies) > 4:
            raise torch.cuda.OutOfMemoryError
        return 1.0 / len(copies)

    monkeypatch.setattr(batch_size, "_seconds", seconds)
    assert batch_size.batch_size(small_classifier(), torch.rand(3, 32, 32)) == 4


def test_masked_copies_pass_in_the_number_found(searching, monkeypatch):
    model, seen = small_classifier(), []
    monkeypatch.setattr(model, "logits_of_normalised", lambda x: seen.append(len(x)) or x.mean((2, 3)))
    masks, image = upsampled(torch.rand(19, 3, 3), (32, 32)), torch.rand(3, 32, 32)
    scores = masked_probabilities(model, image, [masks], torch.tensor(1))
    assert seen == [8, 8, 8]  # the last is filled up, for a new number must be planned for
    monkeypatch.setattr(batch_size, "CANDIDATES", {})
    assert torch.allclose(scores, masked_probabilities(model, image, [masks], torch.tensor(1)))
    assert seen[3:] == [16, 3]


@pytest.mark.gpu
def test_a_gpu_is_asked_within_the_bound(monkeypatch):
    model, image = small_classifier().cuda(), torch.rand(3, 64, 64, device="cuda")
    costs = batch_size._costs(model, image)
    assert costs and all(cost.memory > 0 and cost.seconds > 0 for cost in costs.values())
    assert batch_size.batch_size(model, image) in costs
