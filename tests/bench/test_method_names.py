"""Every explainer has a title and a kind."""

import pytest

from bench import method_names
from methods.explainers.base import Explainer
from methods.registry import names


@pytest.mark.parametrize("explainer", names(Explainer))
def test_every_explainer_has_a_title(explainer):
    assert explainer in method_names.TITLES, f"add the title of '{explainer}' to TITLES in bench/method_names.py"


@pytest.mark.parametrize(
    ("explainer", "kind"),
    [
        ("surrogate", "method"),
        ("surrogate_without_anything", "ablation"),
        ("sobel", "control"),
        ("my.own", "method"),
        ("surrogate_random_teacher", "control"),
    ],
)
def test_ablations_and_controls_are_told_from_methods(explainer, kind):
    assert method_names.kind(explainer) == kind
