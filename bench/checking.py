"""Find mistakes in the settings before hours of work."""

from bench.loading import build_explainer
from bench.scoring import build_metrics
from bench.settings import Experiment
from bench.stages.claims import build_claims
from methods.classifier import check_source
from methods.errors import UserError, one_of
from methods.explainers.base import Explainer
from methods.network_settings import NetworkSettings
from methods.registry import names


def check(chosen: Experiment) -> None:
    """Build every explainer, metric and claim that the experiment names, and read how each is trained.

    Raises:
        UserError: an unknown name, an unknown setting or one of the wrong type; a network that timm does not know or
            whose weights are not there; or an explainer that must be trained and is not, or the other way round.
    """
    check_source(chosen.teacher)
    for name in chosen.explainers:
        _check_explainer(chosen, name)
    build_metrics(chosen)
    _check_claims(chosen)


def _check_explainer(chosen: Experiment, name: str) -> None:
    explainer = build_explainer(chosen, name)
    recipe, learns = chosen.recipe(name), type(explainer).objective is not Explainer.objective
    if learns and recipe is None:
        raise UserError(f"explainer '{name}' must be trained before it explains: give it a 'fit' section")
    if recipe and not learns:
        raise UserError(f"explainer '{name}' has nothing to learn: remove its 'fit' section")
    for value in vars(explainer).values():
        if isinstance(value, NetworkSettings):
            check_source(value)


def _check_claims(chosen: Experiment) -> None:
    known = sorted({*names(Explainer), *chosen.explainers})
    for name, claim in build_claims(chosen).items():
        for other in getattr(claim, "others", ()):
            if other not in known and "." not in other:
                raise one_of(f"explainer under 'others' of claim '{name}'", other, known)
