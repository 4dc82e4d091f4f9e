"""Find mistakes in the settings before hours of work."""

from bench.loading import build_explainer
from bench.scoring import build_metrics
from bench.settings import Experiment
from bench.stages.claims import build_claims


def check(chosen: Experiment) -> None:
    """Build every explainer, metric and claim that the experiment names, and read how each is trained.

    Raises:
        UserError: an unknown name, an unknown setting or one of the wrong type.
    """
    for name in chosen.explainers:
        build_explainer(chosen, name)
        chosen.recipe(name)
    build_metrics(chosen)
    build_claims(chosen)
