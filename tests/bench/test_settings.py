"""Settings that depend on the device."""

import pytest

from bench import artifacts, settings
from methods.errors import UserError
from tests import miniature
from tests.bench.running import Stages

PER_DEVICE = {"cpu": 3, "cuda": 5}


def chosen(tmp_path, value):
    written = miniature.write(tmp_path / "params.yaml", miniature.settings(evaluation_images=value))
    return settings.experiment(written, "mini")


def test_a_number_of_images_for_each_device(tmp_path):
    found = chosen(tmp_path, PER_DEVICE)
    assert [found.images_on(device) for device in ("cpu", "cuda", "mps")] == [3, 5, 3]
    assert found.as_dict()["evaluation_images"] == PER_DEVICE


def test_one_number_for_all_devices(tmp_path):
    found = chosen(tmp_path, 4)
    assert [found.images_on(device) for device in ("cpu", "cuda")] == [4, 4]


@pytest.mark.parametrize("value", [{"cpu": 3}, {"cpu": 3, "gpu": 5}, {"cpu": 3, "cuda": 0}, 0, "all"])
def test_another_number_is_refused(tmp_path, value):
    with pytest.raises(UserError, match="evaluation_images"):
        chosen(tmp_path, value)


def test_the_device_decides_how_many_are_explained(tmp_path):
    stages, ids = Stages(tmp_path), {}
    for name, value in (("both", PER_DEVICE), ("one", 4)):
        miniature.write(stages.params, miniature.settings(evaluation_images=value))
        for stage in ("prepare", "teacher", "fit", "intervene", "explain", "score"):
            stages.run(stage)
        ids[name] = artifacts.read_rows(stages.results / "predictions.parquet")["image_id"].tolist()
        (protocol, *_) = artifacts.read_json(stages.results / "grad_cam.protocols.json").values()
        assert protocol["evaluation_images"] == len(ids[name])
    assert len(ids["both"]) == 3 and ids["both"] == ids["one"][:3]
