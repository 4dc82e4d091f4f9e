"""Features of transformers as maps."""

import pytest
import timm
import torch
from torch import nn

from methods.classifier import create
from methods.errors import UserError
from methods.explainers.grad_cam import GradCam
from methods.token_maps import from_map, to_map

TOKENS = {"img_size": 64, "depth": 2, "embed_dim": 32, "num_heads": 2, "global_pool": "avg"}
NETWORKS = {
    "vit_tiny_patch16_224": TOKENS,
    "beit_base_patch16_224": TOKENS,
    "mixer_s32_224": {"img_size": 64},
    "swin_tiny_patch4_window7_224": {"img_size": 64, "embed_dim": 24, "depths": (1, 1), "num_heads": (2, 2)},
    "samvit_base_patch16": {"img_size": 64, "depth": 2, "embed_dim": 32, "num_heads": 2, "window_size": 2},
    "test_resnet": {},
}


@pytest.fixture(params=NETWORKS)
def model(request):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return create(request.param, 5, arguments=NETWORKS[request.param]).eval().requires_grad_(False)


@pytest.fixture
def images():
    return torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_head_of_features_is_the_whole_model(model, images):
    features = model.features(images)
    assert features.ndim == 4 and features.shape[-2] == features.shape[-1]
    assert torch.allclose(model.head(features), model(images), atol=1e-5)


def test_grad_cam_reads_the_map(model, images):
    saliency = GradCam().explain(model, images, torch.tensor([0, 1, 2]), torch.arange(3))
    assert saliency.shape == (3, *model.features(images).shape[-2:])
    assert saliency.isfinite().all()


def test_tokens_lie_row_by_row():
    backbone = create("vit_tiny_patch16_224", 5, arguments=TOKENS).backbone
    tokens = torch.arange(2 * 17 * 32.0).view(2, 17, 32)
    found = to_map(tokens, backbone)
    assert torch.equal(found[1, :, 2, 3], tokens[1, 1 + 2 * 4 + 3])
    back = from_map(found, backbone)
    assert torch.equal(back[:, 1:], tokens[:, 1:])
    assert not back[:, 0].any()


@pytest.mark.parametrize("architecture", ["levit_128s", "twins_svt_small"])
def test_a_network_whose_head_takes_no_tokens_of_patches_is_refused(architecture):
    model = create(architecture, 5, arguments={}).eval()
    with pytest.raises(UserError, match="choose another architecture"):
        model.features(torch.zeros(1, 3, 224, 224))


@pytest.mark.parametrize(
    ("architecture", "size", "complaint"),
    [
        ("coat_tiny", 64, "class token"),
        ("crossvit_tiny_240", 240, "class token"),
        ("efficientvim_m1", 64, "several scales"),
    ],
)
def test_a_network_of_features_of_several_scales_is_refused(architecture, size, complaint):
    if not timm.is_model(architecture):
        pytest.skip("this version of timm has no such network")
    arguments = {} if architecture.startswith("efficientvim") else {"img_size": size}
    model = create(architecture, 5, arguments=arguments).eval().requires_grad_(False)
    with pytest.raises(UserError, match=f"{complaint}.*choose another architecture"):
        model.features(torch.zeros(1, 3, size, size))


@pytest.mark.parametrize(("shape", "complaint"), [((1, 7, 4), "no square grid"), ((1, 7), "neither a map nor tokens")])
def test_features_without_a_grid_are_refused(shape, complaint):
    with pytest.raises(UserError, match=complaint):
        to_map(torch.zeros(shape), nn.Identity())
