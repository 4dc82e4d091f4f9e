"""The surrogate's variants: each changes what it says, and nothing else."""

import pytest
import torch
from torch import nn

from methods.classifier import create, from_settings
from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.explainers.surrogate import Surrogate
from methods.explainers.surrogate_random_teacher import SurrogateRandomTeacher
from methods.network_settings import NetworkSettings
from methods.registry import build, names
from methods.surrogate import losses
from methods.surrogate.attention import ChannelAttention
from methods.surrogate.attention_transfer import attention_transfer
from tests.conftest import CLASSES, SIZE, small_classifier

VARIANTS = [name for name in names(Explainer) if name.startswith("surrogate")]
FAMILIES = {
    "vgg11_bn": {},
    "efficientnet_b0": {},
    "convnext_atto": {},
    "densenet121": {},
    "vit_tiny_patch16_224": {"img_size": 64, "global_pool": "avg"},
    "swin_tiny_patch4_window7_224": {"img_size": 64},
}


def terms(method, images):
    torch.manual_seed(0)
    objective = method.objective(small_classifier(), SIZE)
    torch.manual_seed(0)
    return {
        name: float(value.detach())
        for name, value in objective(images, torch.zeros(len(images), dtype=torch.long)).items()
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_trains_and_is_read_back(name, images, targets, seeds):
    method, teacher = build(Explainer, name, {}), small_classifier()
    objective = method.objective(teacher, SIZE)
    trained = objective.trained.requires_grad_(True)
    sum(objective(images, targets).values()).backward()
    assert any(parameter.grad is not None and parameter.grad.any() for parameter in trained.parameters())
    again = method.prepare(teacher, trained.state_dict(), SIZE).eval()
    expected = method.explain(trained.eval(), images, targets, seeds)
    assert torch.equal(method.explain(again, images, targets, seeds), expected)


@pytest.mark.parametrize("architecture", FAMILIES)
def test_student_may_be_of_another_family(architecture):
    settings = NetworkSettings(architecture, arguments=FAMILIES[architecture])
    if not hasattr(from_settings(settings, CLASSES).backbone, "forward_intermediates"):
        pytest.skip("this version of timm does not offer its stages")
    teacher, method = small_classifier(), Surrogate(student=settings)
    images, targets = torch.rand(2, 3, 64, 64), torch.tensor([0, 1])
    objective = method.objective(teacher, 64)
    sum(objective(images, targets).values()).backward()
    student = method.prepare(teacher, objective.trained.state_dict(), 64).eval()
    logits, saliency = student(images, targets)
    assert logits.shape == (2, CLASSES) and torch.isfinite(saliency).all()
    assert len(student.stages) >= 4 and type(student.classifier.backbone) is not type(teacher.backbone)


def test_student_starts_from_weights_of_its_own(tmp_path, images):
    from safetensors.torch import save_file

    source = create("test_resnet", CLASSES).eval()
    save_file(source.backbone.state_dict(), tmp_path / "own.safetensors")
    own = NetworkSettings("test_resnet", str(tmp_path / "own.safetensors"), mean=(0.5,) * 3, std=(0.5,) * 3)
    trained = Surrogate(student=own).objective(small_classifier(), SIZE).trained.eval()
    source.mean.fill_(0.5), source.std.fill_(0.5)
    assert torch.allclose(trained(images)[0], source(images), atol=1e-4)


def test_trained_student_is_read_back_without_the_weights_that_it_started_from(tmp_path, images, targets, seeds):
    from safetensors.torch import save_file

    path = tmp_path / "own.safetensors"
    save_file(create("test_resnet", CLASSES).backbone.state_dict(), path)
    method, teacher = Surrogate(student=NetworkSettings("test_resnet", str(path))), small_classifier()
    trained = method.objective(teacher, SIZE).trained.eval()
    path.unlink()
    again = method.prepare(teacher, trained.state_dict(), SIZE).eval()
    assert torch.equal(*(method.explain(network, images, targets, seeds) for network in (trained, again)))


def test_unknown_student_is_refused():
    with pytest.raises(UserError, match="unknown architecture 'resnet81'"):
        Surrogate(student=NetworkSettings("resnet81")).objective(small_classifier(), SIZE)


def test_ablated_losses_are_gone_and_the_others_stay(images):
    whole = terms(Surrogate(), images)
    for term in ("keep", "drop"):
        found = terms(build(Explainer, f"surrogate_no_{term}", {}), images)
        assert found[term] == 0 and whole[term] > 0
        assert {name: value for name, value in found.items() if name != term} == {
            name: value for name, value in whole.items() if name != term
        }


@pytest.mark.parametrize(
    ("name", "term", "weight"),
    [
        ("no_keep", "keep", 0),
        ("no_drop", "drop", 0),
        ("attention_transfer", "transfer", 1),
        ("random_threshold", "cut", 0.5),
    ],
)
def test_settings_do_not_undo_an_ablation(name, term, weight):
    own = build(Explainer, f"surrogate_{name}", {"losses": {"temperature": 2.0, term: 0.3}})
    weights = own.objective(small_classifier(), SIZE).weights
    assert getattr(weights, term) == weight and weights.temperature == 2.0


def test_random_thresholds_cut_half_of_the_maps_and_the_surrogate_none(monkeypatch):
    cuts = []
    monkeypatch.setattr(losses, "cut", lambda mask: cuts.append(len(mask)) or torch.full_like(mask, 7.0))
    masks = torch.randn(400, 4, 4, generator=torch.Generator().manual_seed(0))
    plain, thresholds = Surrogate(), build(Explainer, "surrogate_random_threshold", {})
    shown = {method: method.objective(small_classifier(), SIZE)._shown(masks) for method in (plain, thresholds)}
    assert torch.equal(shown[plain], masks.sigmoid()) and cuts == [400]
    altered = (shown[thresholds] == 7.0).all((1, 2))
    assert 160 < altered.sum() < 240
    assert torch.equal(shown[thresholds][~altered], masks[~altered].sigmoid())


def test_attention_transfer_by_hand():
    student = [torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]), torch.tensor([[[[2.0]]]])]
    teacher = [torch.tensor([[[[0.0, 3.0], [0.0, 0.0]]]]), torch.tensor([[[[5.0]]]])]
    assert abs(float(attention_transfer(student, teacher)) - (2.0 + 0.0) / 2) < 1e-6
    assert float(attention_transfer(student, student)) == 0


def test_attention_transfer_of_a_student_that_starts_as_the_teacher_is_zero(images):
    found = terms(build(Explainer, "surrogate_attention_transfer", {}), images)
    assert found["transfer"] < 1e-6
    assert found["fidelity"] < 1e-6
    assert "transfer" not in terms(Surrogate(), images)


def test_attention_transfer_matches_stages_of_the_nearest_size_if_there_are_fewer():
    coarse, fine = torch.rand(1, 3, 4, 4), torch.rand(1, 2, 8, 8)
    assert attention_transfer([coarse], [fine, coarse]) == 0
    assert attention_transfer([fine], [fine, coarse]) == 0
    assert attention_transfer([fine.roll(3, -1)], [fine, coarse]) > 1e-4


def test_channel_attention_starts_as_the_identity_and_weighs_channels_alone():
    features = torch.rand(2, 20, 5, 7)
    gate = ChannelAttention(20)
    assert torch.allclose(gate(features), features)
    nn.init.normal_(gate.excite.weight)
    ratio = gate(features) / features
    assert torch.allclose(ratio, ratio[:, :, :1, :1].expand_as(ratio), atol=1e-5)
    assert ratio.min() > 0 and ratio.max() < 2 and ratio[0, :, 0, 0].std() > 0.01


def test_random_teacher_is_another_function_and_the_same_each_time(images):
    teacher, method = small_classifier(), SurrogateRandomTeacher()
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    one, other = (method.distilled(teacher, SIZE)(images) for _ in range(2))
    assert torch.equal(one, other)
    assert not torch.allclose(one, teacher(images), atol=0.1)
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())
    student = method.objective(teacher, SIZE).trained.eval()
    assert torch.allclose(student(images)[0], one, atol=1e-4)
