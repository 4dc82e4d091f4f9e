"""Classifiers: split, weights, preprocessing, and mistakes."""

import pytest
import torch
from safetensors.torch import save_file

from methods import classifier as module
from methods.classifier import check_finite, check_trained, create
from methods.errors import UserError
from methods.network_settings import NetworkSettings
from tests.conftest import CLASSES


@pytest.mark.parametrize("architecture", ["test_resnet", "test_efficientnet", "test_byobnet", "mobilenetv2_035"])
def test_head_of_features_is_the_whole_model(architecture, images):
    model = create(architecture, 3).eval()
    with torch.inference_mode():
        assert torch.allclose(model.head(model.features(images)), model(images), atol=1e-5)


def test_normalisation_is_the_models_own(images):
    model = create("test_resnet", 3, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    expected = (images[:, 2] - 0.3) / 0.125
    assert torch.allclose(model.normalise(images)[:, 2], expected)


def test_local_weights_of_another_head_and_float_type(tmp_path, images):
    source = create("test_resnet", 7).backbone
    save_file(
        {key: v.half() if v.is_floating_point() else v for key, v in source.state_dict().items()},
        tmp_path / "w.safetensors",
    )
    model = create("test_resnet", 3, weights=str(tmp_path / "w.safetensors")).eval()
    assert model(images).shape == (4, 3)
    assert torch.equal(model.backbone.conv1[0].weight, source.conv1[0].weight.half().float())


def test_weights_are_found_in_the_folder_of_bench_weights(tmp_path, monkeypatch):
    save_file(create("test_resnet", 3).backbone.state_dict(), tmp_path / "w.safetensors")
    monkeypatch.delenv("BENCH_WEIGHTS", raising=False)
    with pytest.raises(UserError, match="BENCH_WEIGHTS is not set"):
        create("test_resnet", 3, weights="w.safetensors")
    monkeypatch.setenv("BENCH_WEIGHTS", str(tmp_path))
    create("test_resnet", 3, weights="w.safetensors")


def test_wrong_and_truncated_weights(tmp_path):
    save_file(create("test_efficientnet", 3).backbone.state_dict(), tmp_path / "other.safetensors")
    with pytest.raises(UserError, match="do not fit 'test_resnet'"):
        create("test_resnet", 3, weights=str(tmp_path / "other.safetensors"))
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes((tmp_path / "other.safetensors").read_bytes()[:1000])
    with pytest.raises(UserError, match="not a whole safetensors file"):
        create("test_resnet", 3, weights=str(cut))


def test_weights_of_another_format_are_to_be_converted(tmp_path):
    torch.save(create("test_resnet", 3).backbone.state_dict(), tmp_path / "own.pth")
    with pytest.raises(UserError, match=r"own\.pth' are not a whole .*: convert it by safetensors\.torch\.save_file"):
        create("test_resnet", 3, weights=str(tmp_path / "own.pth"))


@pytest.mark.parametrize("prefix", ["module.", "backbone.", "model.net."])
def test_the_prefix_of_names_is_told(tmp_path, prefix):
    path, own = tmp_path / "own.safetensors", create("test_resnet", 3)
    renamed = {f"{prefix}{name}": tensor for name, tensor in own.backbone.state_dict().items()}
    save_file(renamed | {"mean": own.mean, "std": own.std}, path)
    with pytest.raises(UserError, match=f"do not fit 'test_resnet': their names begin with '{prefix}': remove it"):
        create("test_resnet", 3, weights=str(path))


def test_a_head_without_a_bias_is_trained(tmp_path, monkeypatch):
    path, own = tmp_path / "own.safetensors", create("test_resnet", 3).backbone
    own.fc.bias = None
    save_file(own.state_dict(), path)
    monkeypatch.setattr(module, "_backbone", lambda *_: own)
    check_trained(NetworkSettings("test_resnet", str(path)), 3)


def test_unknown_architecture_and_argument():
    with pytest.raises(UserError, match="unknown architecture 'resnet81'"):
        create("resnet81", 3)
    with pytest.raises(UserError, match="check its arguments"):
        create("test_resnet", 3, arguments={"no_such_argument": 1})


def test_download_that_fails_says_what_to_do(monkeypatch):
    def refuse(name, pretrained=False, **_):
        if pretrained:
            raise ConnectionError("no network")

    monkeypatch.setattr(module.timm, "create_model", refuse)
    with pytest.raises(
        UserError, match=r"downloaded \(no network\): connect to a network, or name a local safetensors file"
    ):
        create("test_resnet", CLASSES, weights="pretrained")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_scores_must_be_finite(value):
    with pytest.raises(UserError, match="NaN or infinite"):
        check_finite(torch.tensor([[0.0, value]]), "the teacher")
