"""How explainers are drawn: alike on a whole page, and apart from each other."""

from pathlib import Path

import pytest

from bench.method_names import TITLES
from reports import glossary
from reports.drawing import look
from reports.results import Results

MORE = ("my_method", "another")


def of(*names):
    return look(Results("parts", False, Path(), explainers=list(names)))


def test_an_explainer_is_drawn_alike_whatever_it_is_compared_with():
    every, few = of(*TITLES, *MORE), of("sobel", "surrogate_small_student", "rise", "surrogate", *MORE[::-1])
    for name in ("sobel", "surrogate_small_student", "rise", "surrogate", *MORE):
        assert few.colours[name] == every.colours[name] and few.markers[name] == every.markers[name]
        assert few.dashes[name] == every.dashes[name]


def test_methods_are_told_apart_by_colour_and_marker_and_new_ones_from_the_known():
    style = of(*TITLES, *MORE)
    methods = [name for name in (*TITLES, *MORE) if glossary.kind(name) == "method"]
    for own in (style.colours, style.markers):
        assert len({own[name] for name in methods}) == len(methods) == 8
    ablations = [name for name in TITLES if glossary.kind(name) == "ablation"]
    assert len({style.markers[name] for name in ablations}) == len(ablations)


@pytest.mark.parametrize("count", [7, 12, 30])
def test_there_is_a_style_for_any_number_of_new_methods(count):
    names = [f"method_{i}" for i in range(count)]
    style = of("surrogate", *names)
    assert set(names) <= set(style.colours) and style.colours["surrogate"] not in {style.colours[n] for n in names}
