"""What is timed of published implementations is what they need for each image, and no more."""

import warnings

import numpy as np
import pytest
import torch

from bench.throughput import peers
from bench.throughput.measuring import counted
from bench.throughput.test_peers import PAIRS, rank_correlation
from methods.classifier import create
from methods.token_maps import to_map
from tests.conftest import SIZE, small_classifier


@pytest.fixture
def prepared(monkeypatch):
    """What prepares the peer of a pair; what it does once cannot be done again."""

    def prepare(pair, teacher):
        pytest.importorskip(
            PAIRS[pair][2], reason=f"{PAIRS[pair][2]} is not installed: make peers", exc_type=ImportError
        )
        explain = PAIRS[pair][1](teacher, (SIZE, SIZE))
        for once in ("last_stage", "transcribed_masks"):
            monkeypatch.setattr(peers, once, None)
        return explain

    return prepare


CHANNELS = small_classifier().backbone.num_features
PASSES = {  # images in each
    "grad_cam, pytorch_grad_cam": [8],
    "grad_cam, torchcam": [8],
    "grad_cam, captum": [8],
    "score_cam, pytorch_grad_cam": [1, *CHANNELS // 16 * [16]],
    "score_cam, torchcam": [1, 1, *CHANNELS // 32 * [32]],  # torch-cam asks for the whole image once more
    "rise, transcription": [100, 100],
}


@pytest.mark.parametrize("pair", PAIRS)
def test_one_call_makes_the_forward_passes_that_the_method_needs(prepared, pair, images, targets):
    teacher, batch = small_classifier().requires_grad_(True), PAIRS[pair][3]
    explain = prepared(pair, teacher)
    with counted(teacher) as passes, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = explain(images.repeat(2, 1, 1, 1)[:batch], targets.repeat(2)[:batch])
    assert passes == PASSES[pair] and len(found) == batch


@pytest.mark.parametrize("pooled", ["avg", "token"])
def test_of_tokens_the_layer_is_found_by_the_library_that_takes_them(pooled):
    arguments = {"img_size": SIZE, "patch_size": 8, "dynamic_img_size": True, "global_pool": pooled}
    teacher = create("test_vit", 3, arguments=arguments).eval()
    with pytest.raises(peers.NoLayerError, match="no module of 'VisionTransformer' returns its last features as a map"):
        peers.last_stage(teacher, (SIZE, SIZE))
    blocks = teacher.backbone.blocks
    expected = {"avg": blocks[-1], "token": blocks[-1].norm1}[pooled]
    assert peers.last_stage(teacher, (SIZE, SIZE), lambda output: to_map(output, teacher.backbone)) is expected


def test_rise_masks_are_drawn_once_for_all_images(prepared, images, targets):
    explain = prepared("rise, transcription", small_classifier())
    whole = explain(images, targets)
    assert torch.allclose(explain(images[2:], targets[2:]), whole[2:], rtol=1e-5)


def test_flat_maps_have_no_rank_correlation_and_one_that_became_flat_has_none_left():
    rising, flat = np.arange(5, dtype=np.float32), np.zeros(5, dtype=np.float32)
    assert rank_correlation([flat], [rising]) is None
    assert rank_correlation([rising, rising, flat], [rising**2, -rising, rising]) == pytest.approx(
        {"least": -1, "median": 0}
    )
    assert rank_correlation([rising], [flat]) == {"least": 0, "median": 0}
