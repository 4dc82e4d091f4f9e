"""Time is told by part and by operator, and adds up."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from bench.throughput import profiling
from bench.throughput.profiling import ELSEWHERE, by_operator, by_part, part_of
from methods.errors import UserError
from tests import miniature


class Clock:
    now = 0.0


CLOCK = Clock()


class Takes(nn.Module):
    def __init__(self, seconds):
        super().__init__()
        self.seconds = seconds

    def forward(self, images):
        CLOCK.now += self.seconds
        return images


class Network(nn.Module):
    """Two stages of 10 ms each, a head of 5 ms, and 15 ms that belong to no module without children."""

    def __init__(self):
        super().__init__()
        self.stages = nn.ModuleList(nn.Sequential(Takes(0.01)) for _ in range(2))
        self.head = Takes(0.005)

    def forward(self, images):
        for stage in self.stages:
            images = stage(images)
        CLOCK.now += 0.015
        return self.head(images)


def test_parts_add_up_to_the_call(machine, monkeypatch):
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: CLOCK.now)
    network, images = Network(), torch.zeros(1)
    table = by_part(lambda: network(images), network, machine, calls=3)
    assert list(table["part"]) == ["stages", ELSEWHERE, "head"]
    assert table["ms"].tolist() == pytest.approx([20, 15, 5])
    assert table["%"].sum() == pytest.approx(100)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("classifier.backbone.blocks.0.1.conv", "classifier.backbone"),
        ("attentions.3.score", "attentions.score"),
        ("readings.0", "readings"),
        ("head", "head"),
    ],
)
def test_a_part_is_named_by_the_first_words(name, part):
    assert part_of(name) == part


def test_the_operator_that_takes_longest_comes_first(machine):
    matrix = torch.rand(700, 700)
    table = by_operator(lambda: (matrix @ matrix).relu(), machine, calls=3)
    assert table["operator"][0] == "aten::mm"
    assert len(table) <= profiling.OPERATORS + 1
    assert table["%"].sum() == pytest.approx(100)


class Events:
    """What torch.profiler would list of kernels with long names."""

    def __init__(self, **_):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def key_averages(self):
        names = {"void at::add": 2000, "void " + "k" * 500 + "1": 1000, "void " + "k" * 500 + "2": 3000}
        return [SimpleNamespace(key=name, self_cpu_time_total=taken) for name, taken in names.items()]


def test_names_of_kernels_are_cut_and_those_cut_alike_added(machine, monkeypatch):
    monkeypatch.setattr(torch.profiler, "profile", Events)
    table = by_operator(lambda: None, machine, calls=2)
    assert table["operator"].tolist() == ["k" * profiling.LONGEST, "at::add"]
    assert table["ms"].tolist() == [2, 1]


def test_the_command_prints_both_tables(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(profiling, "SECONDS", 0.01)
    miniature.write(tmp_path / "params.yaml")
    profiling.main("surrogate", params=tmp_path / "params.yaml", images=2)
    printed = capsys.readouterr().out
    assert printed.startswith("surrogate, 2 images of")
    assert all(word in printed for word in ("classifier.backbone", "explanation_head", ELSEWHERE, "convolution"))
    with pytest.raises(UserError, match="unknown explainer 'surogate'"):
        profiling.main("surogate", params=tmp_path / "params.yaml")
