"""Vision transformers that classify by their class token."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from bench.metrics.pooling import Pooling
from methods.class_token import last_read, logits_after
from methods.classifier import create
from methods.errors import UserError
from methods.explainers.grad_cam import GradCam
from methods.explainers.score_cam import ScoreCam
from methods.explainers.surrogate import Surrogate
from methods.network_settings import NetworkSettings
from tests.planted import batch

SIZE = 64
SMALL = {"img_size": SIZE, "patch_size": 8, "depth": 3, "embed_dim": 32, "num_heads": 2}
NETWORKS = {
    "ViT": ("vit_tiny_patch16_224", SMALL),
    "distilled DeiT, two tokens": ("deit_tiny_distilled_patch16_224", SMALL),
    "DeiT III, layer scale, no position for its token": ("deit3_small_patch16_224", SMALL),
    "CLIP, norm before the blocks": ("vit_base_patch32_clip_224", SMALL),
    "registers": ("vit_tiny_patch16_224", {**SMALL, "reg_tokens": 4}),
    "stem of convolutions": ("vit_tiny_r_s16_p8_224", {"img_size": SIZE, "depth": 2, "embed_dim": 32, "num_heads": 2}),
}


@pytest.fixture(params=NETWORKS)
def model(request):
    architecture, arguments = NETWORKS[request.param]
    found = create(architecture, 5, arguments=arguments).eval().requires_grad_(False).double()
    heads = found.backbone.get_classifier()
    for head in heads if isinstance(heads, tuple) else (heads,):
        nn.init.normal_(head.weight, std=0.5)
    for name, weight in found.named_parameters():
        if name.endswith(".gamma"):  # of layer scale, which begins near zero
            nn.init.ones_(weight)
    return found


@pytest.fixture
def images():
    return torch.rand(3, 3, SIZE, SIZE, dtype=torch.float64)


TARGETS, SEEDS = torch.tensor([0, 1, 4]), torch.arange(3)


def test_what_follows_the_last_attention_gives_the_logits_of_the_whole_network(model, images):
    read, tokens = last_read(model.backbone, model.normalise(images))
    found = logits_after(model.backbone, read, tokens)
    assert torch.allclose(found, model(images), rtol=0, atol=1e-12)


def test_features_and_gradient_are_those_of_a_hook_on_the_last_blocks_first_norm(model, images):
    """As pytorch-grad-cam's documentation tells to name the layer."""
    held: list[Tensor] = []

    def hold(module, inputs, output):
        held.append(output.detach().requires_grad_())
        return held[0]

    handle = model.backbone.blocks[-1].norm1.register_forward_hook(hold)
    with torch.enable_grad():
        model(images)[range(3), TARGETS].sum().backward()
    handle.remove()
    before = model.backbone.num_prefix_tokens

    def grid(tokens: Tensor) -> Tensor:
        side = round((tokens.shape[1] - before) ** 0.5)
        return tokens[:, before:].transpose(1, 2).unflatten(2, (side, side))

    features, gradient = model.features_and_gradient(images, TARGETS)
    assert torch.allclose(features, grid(held[0]), rtol=0, atol=1e-12)
    assert torch.allclose(gradient, grid(held[0].grad), rtol=0, atol=1e-12)
    assert torch.equal(model.features(images), features)
    assert float(gradient.abs().amin(1).max()) > 0


def test_methods_that_read_the_last_map_explain_it(model, images):
    for explainer in (GradCam(), ScoreCam()):
        maps = explainer.explain(model, images, TARGETS, SEEDS)
        assert maps.isfinite().all() and float(maps.flatten(1).std(1).max()) > 0


def test_the_last_map_alone_has_no_scores(model, images):
    with pytest.raises(UserError, match="by its class token.*global_pool: avg"):
        model.head(model.features(images))
    pictures = replace(batch(), images=images.float())
    assert Pooling()(model.float(), pictures, torch.rand(3, SIZE, SIZE))["pooled_accuracy"].isnan().all()


def test_a_surrogate_needs_a_student_of_its_own():
    """A student whose class token reads the patches would not learn its attention from the classifier's answers."""
    model = create("vit_tiny_patch16_224", 5, arguments=SMALL).eval()
    with pytest.raises(UserError, match="by its class token.*give the surrogate a 'student'"):
        Surrogate().objective(model, SIZE)
    student = NetworkSettings("vit_tiny_patch16_224", arguments={**SMALL, "global_pool": "avg"})
    terms = Surrogate(student=student, width=8).objective(model, SIZE)(torch.rand(2, 3, SIZE, SIZE), TARGETS[:2])
    assert all(term.isfinite() for term in terms.values())


@pytest.mark.parametrize(
    ("architecture", "arguments"),
    [
        ("cait_xxs24_224", {"img_size": SIZE, "depth": 2}),
        ("convit_tiny", {"img_size": SIZE, "depth": 2}),
        ("vit_small_patch16_18x2_224", {**SMALL, "depth": 2}),
        ("vit_tiny_patch16_224", {**SMALL, "depth": 1}),
    ],
)
def test_other_class_tokens_are_refused(architecture, arguments, images):
    model = create(architecture, 5, arguments=arguments).eval()
    with pytest.raises(UserError, match="class token.*global_pool: avg"):
        model.features(images.float())
