"""Networks trained from several seeds: one file, one map of every image from each."""

import pytest
import torch
from safetensors.torch import load_file

from bench import artifacts, settings
from methods.errors import UserError
from tests import miniature
from tests.bench.running import Stages


@pytest.fixture(scope="module")
def repeated(tmp_path_factory):
    """A miniature experiment whose surrogate is trained twice."""
    done = Stages(tmp_path_factory.mktemp("seeds"))
    for stage in ("prepare", "teacher", "intervene"):
        done.run(stage)
    for seeds in (1, 2):
        content = miniature.settings()
        content["explainers"]["surrogate"]["fit"]["seeds"] = seeds
        miniature.write(done.params, content)
        done.run("fit", explainer="surrogate", weights=done.work / f"{seeds}.safetensors")
    (done.work / "2.safetensors").rename(done.work / "surrogate.safetensors")
    for stage in ("explain", "score"):
        done.run(stage, explainer="surrogate")
    return done


def test_the_first_network_is_the_one_that_would_be_trained_alone(repeated):
    alone = load_file(repeated.work / "1.safetensors")
    first, second = artifacts.networks(load_file(repeated.work / "surrogate.safetensors"))
    assert set(first) == set(second) == set(alone)
    assert all(torch.equal(first[name], tensor) for name, tensor in alone.items())
    assert any(not torch.equal(first[name], tensor) for name, tensor in second.items())


def test_each_network_gives_a_map_and_its_scores(repeated):
    maps = artifacts.read_tensors(repeated.work / "surrogate.maps.safetensors")
    assert list(maps) == [artifacts.saliency_of(0), artifacts.saliency_of(1)]
    assert not torch.equal(maps["saliency"], maps["saliency_1"])
    rows = artifacts.read_rows(repeated.results / "surrogate.parquet")
    assert sorted(rows["seed"].unique()) == [0, 1]
    again = rows.query("metric == 'randomisation_full'").dropna()
    assert sorted(again["seed"].unique()) == [0, 1], "metrics that explain again know which network to ask"


def test_the_summary_tells_every_network(repeated):
    summary = artifacts.read_json(repeated.results / "surrogate.json")
    assert [set(one) for one in summary["seeds"]] == [{"parameters", "agreement", "fidelity", "seconds"}] * 2
    assert summary["agreement"] == summary["seeds"][0]["agreement"]


def test_networks_of_an_explainer_without_weights_are_one_empty_one():
    assert artifacts.networks({}) == [{}]
    tensors = {"a.b": 1, "c": 2}
    both = artifacts.of_network(tensors, 0) | artifacts.of_network(tensors, 3)
    assert artifacts.networks(both) == [tensors, tensors]


def test_a_map_per_draw_or_per_network(tmp_path):
    content = miniature.settings(draws=3)
    content["explainers"]["surrogate"]["fit"]["seeds"] = 2
    chosen = settings.experiment(miniature.write(tmp_path / "params.yaml", content), "mini")
    assert chosen.repeats("surrogate", random=False) == 2
    assert (chosen.repeats("rise", random=True), chosen.repeats("grad_cam", random=False)) == (3, 1)


def test_a_teacher_is_trained_once(tmp_path):
    content = miniature.settings()
    content["experiments"]["mini"]["teacher"]["fit"]["seeds"] = 2
    with pytest.raises(UserError, match="seeds"):
        settings.experiment(miniature.write(tmp_path / "params.yaml", content), "mini")
