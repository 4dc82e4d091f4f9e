"""How many images are evaluated, and of which split."""

import pytest

from bench import artifacts, prepared, settings
from bench.prepared import Prepared
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


def test_nothing_of_the_test_split_is_looked_at_where_the_validation_split_is_evaluated(tmp_path, monkeypatch):
    stages, looked_at, split = Stages(tmp_path), set(), Prepared.split
    miniature.write(stages.params, miniature.settings(evaluation_split="val"))
    stages.run("prepare")
    monkeypatch.setattr(Prepared, "split", lambda data, name: looked_at.add(name) or split(data, name))
    stages.run("teacher")
    stages.run("fit", explainer="surrogate")
    assert looked_at == {"train", "val"}
    data = prepared.read(stages.work / "data")
    held_out = set(data.index["image_id"].iloc[data.split("val")])
    ids = artifacts.read_rows(stages.results / "predictions.parquet")["image_id"]
    assert len(ids) == 4 and set(ids) <= held_out
    told = [artifacts.read_json(stages.results / name) for name in ("teacher.json", "surrogate.json")]
    assert [set(told[0]["top1"]), set(told[1]["agreement"])] == [{"val"}, {"val"}]
    for stage in ("fit", "intervene", "explain", "score"):
        stages.run(stage)
    (protocol, *_) = artifacts.read_json(stages.results / "grad_cam.protocols.json").values()
    assert protocol["split"] == "val"


def test_the_training_split_is_not_evaluated(tmp_path):
    written = miniature.write(tmp_path / "params.yaml", miniature.settings(evaluation_split="train"))
    with pytest.raises(UserError, match="evaluation_split"):
        settings.experiment(written, "mini")
