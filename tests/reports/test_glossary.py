"""Everything has a name and a number a way to be written."""

import pytest

from bench.metrics.base import Metric
from methods.registry import build, names
from reports import glossary, measures


@pytest.mark.parametrize("metric", names(Metric))
def test_every_column_of_every_metric_is_in_the_glossary(metric):
    for name, column in build(Metric, metric, {}).columns_for(("beak",)).items():
        known = measures.measures({}, [name])[name]
        assert known.title != name.replace("_", " "), name
        assert known.better == column.better, name


def test_columns_that_differ_by_the_part_have_one_entry():
    found = measures.measures({}, ["part_pointing", "part_pointing:beak", "part_pointing:wing", "made:up"])
    titles = [measure.title for measure in measures.in_words(found)]
    assert titles == ["Part pointing", "Part pointing, part by part", "made:up"]


@pytest.mark.parametrize(
    ("value", "unit", "signed", "text"),
    [
        (0.12345, "share", False, "0.123"),
        (12.345, "percent", False, "12.3"),
        (-0.5, "share", True, "−0.500"),
        (0.5, "share", True, "+0.500"),
        (-0.0001, "share", True, "0.000"),
        (float("nan"), "share", False, "–"),
        (None, "share", False, "–"),
    ],
)
def test_numbers_are_written_with_fixed_decimals(value, unit, signed, text):
    assert glossary.number(value, unit, signed) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(64.0, "cells", "64"), (0.5, "share", "+0.500"), (5.0, "percent", "+5.0"), (1500.0, "times", "1,500")],
)
def test_figures_are_written_in_their_unit(value, unit, text):
    assert glossary.quantity(value, unit, signed=True) == text
    assert {glossary.quantity(missing, unit) for missing in (None, float("nan"))} == {"–"}


@pytest.mark.parametrize(("value", "text"), [(0.0004, "< 0.001"), (0.001, "0.001"), (1.0, "1.000"), (None, "–")])
def test_p_values_are_never_zero(value, text):
    assert glossary.p_value(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(24.3, "24.3"), (0.1667, "0.167"), (10000, "10,000"), (0, "0"), (None, "–"), (250.0, "250")],
)
def test_quantities_are_written_with_three_digits(value, text):
    assert glossary.significant(value) == text


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a, b", "c", "d"], "a, b; c and d"),
    ],
)
def test_names_are_listed(words, text):
    assert glossary.listed(words) == text
