"""The hot path against plain loops."""

import pytest
import torch

from methods import batch_size
from methods.batch_size import chunk
from methods.masking import Masks, changing_probabilities, interpolation, masked_probabilities, upsampled
from methods.resize import upsample
from tests.conftest import small_classifier

SIZE = (20, 26)
TARGET = torch.tensor(1)


def random(*shape):
    return torch.rand(shape, generator=torch.Generator().manual_seed(len(shape)), dtype=torch.float64)


@pytest.fixture(params=["columns of each", "columns of all"])
def masks(request):
    rows, columns = random(70, SIZE[0], 3) / 3, random(70, 3, SIZE[1])
    return Masks(rows, columns if request.param == "columns of each" else columns[0])


def test_upsampled_masks_are_those_of_resize():
    cells = random(5, 7, 4)
    assert torch.allclose(upsampled(cells, SIZE).dense(), upsample(cells, SIZE), atol=1e-12)
    single = upsampled(cells.float(), SIZE).dense()
    assert torch.allclose(single, upsample(cells.float(), SIZE), atol=1e-6)
    assert torch.allclose(interpolation(7, 20).sum(1), torch.ones(20))


def test_times_is_the_image_under_each_mask_channels_last(masks):
    image = random(3, *SIZE)
    copies = masks.times(image)
    assert torch.allclose(copies, masks.dense().unsqueeze(1) * image, atol=1e-12)
    assert copies.is_contiguous(memory_format=torch.channels_last)


def test_masks_are_exact_whatever_the_precision_of_the_network(masks):
    single = Masks(masks.rows.float(), masks.columns.float())
    image = random(3, *SIZE).float()
    with torch.autocast("cpu", torch.bfloat16):
        results = single.dense(), single.times(image), single.weighted_sum(image[0, 0, 0].expand(70))
    assert all(result.dtype == torch.float32 for result in results)
    assert torch.equal(results[1], single.times(image))


def test_weighted_sum(masks):
    weights = random(70)
    assert torch.allclose(masks.weighted_sum(weights), torch.einsum("n,nhw->hw", weights, masks.dense()))


def test_masked_probabilities_equal_one_forward_pass_each(masks):
    model, image = small_classifier().double(), random(3, *SIZE)
    found = masked_probabilities(model, image, [masks], TARGET)
    normalised = model.normalise(image.unsqueeze(0))
    alone = [model.logits_of_normalised(normalised * mask).softmax(1)[0, TARGET] for mask in masks.dense()]
    assert torch.allclose(found, torch.stack(alone))


@pytest.mark.parametrize(("count", "expected"), [(1, [16]), (16, [16]), (17, [32]), (64, [64]), (70, [64, 16])])
def test_on_a_gpu_passes_have_few_different_sizes(masks, monkeypatch, count, expected):
    model, image, sizes = small_classifier().double(), random(3, *SIZE), []
    expected_probabilities = masked_probabilities(model, image, [masks[:count]], TARGET)
    monkeypatch.setitem(batch_size.CANDIDATES, "cpu", (16, 32, 64))  # as if a CPU were searched for
    monkeypatch.setattr(batch_size, "fastest", lambda costs: 64)
    logits = model.logits_of_normalised
    with monkeypatch.context() as watching:
        watching.setattr(batch_size, "_costs", lambda model, image: {})
        watching.setattr(model, "logits_of_normalised", lambda copies: sizes.append(len(copies)) or logits(copies))
        found = masked_probabilities(model, image, [masks[:count]], TARGET)
    assert sizes == expected
    assert torch.allclose(found, expected_probabilities)


def test_the_size_of_a_chunk_changes_memory_alone(masks, monkeypatch):
    model, image, seen = small_classifier().double(), random(3, *SIZE), []
    whole = masked_probabilities(model, image, [masks], TARGET)
    logits = model.logits_of_normalised
    monkeypatch.setattr(model, "logits_of_normalised", lambda x: seen.append(len(x)) or logits(x))
    monkeypatch.setattr(batch_size, "FIXED", 9)
    assert torch.allclose(masked_probabilities(model, image, [masks], TARGET), whole, rtol=1e-12)
    assert seen == [9] * 7 + [7]


def test_no_masks_no_scores():
    none = Masks(torch.zeros(0, SIZE[0], 2), torch.zeros(2, SIZE[1]))
    assert masked_probabilities(small_classifier(), torch.rand(3, *SIZE), [none], TARGET).shape == (0,)


def test_changing_pixels_one_order_one_count_at_a_time():
    model, before, after = small_classifier().double(), random(3, *SIZE), -random(3, *SIZE)
    position = torch.randperm(SIZE[0] * SIZE[1], generator=torch.Generator().manual_seed(0)).view(SIZE)
    counts = torch.arange(0, 521, 13)
    found = changing_probabilities(model, before, after, position, counts, TARGET)
    assert len(counts) > chunk(before.device)
    for count, one in zip(counts, found, strict=True):
        copy = torch.where(position < count, after, before).unsqueeze(0)
        assert torch.allclose(model.logits_of_normalised(copy).softmax(1)[0, TARGET], one)
