"""Find mistakes in the settings before hours of work."""

from bench.loading import build_explainer
from bench.metrics.base import Column, Metric
from bench.scoring import build_metrics
from bench.settings import Experiment
from bench.stages.claims import build_claims
from methods.classifier import check_source
from methods.errors import UserError, one_of
from methods.explainers.base import Explainer
from methods.network_settings import NetworkSettings
from methods.registry import find, names


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
    kinds = [find(Metric, name) for name in {*names(Metric), *chosen.metrics}]  # type: ignore[type-abstract]
    columns = {column: told for kind in kinds for column, told in kind.columns.items()}
    for name, claim in build_claims(chosen).items():
        for other in getattr(claim, "others", ()):
            if other not in known and "." not in other:
                raise one_of(f"explainer under 'others' of claim '{name}'", other, known)
        for setting in ("metrics", "margins"):
            for metric in getattr(claim, setting, ()):
                _check_metric(metric, columns, f"'{setting}' of claim '{name}'")


def _check_metric(name: str, columns: dict[str, Column], where: str) -> None:
    """Refuse what no metric measures, or what ranks nothing; the experiment may leave the metric out."""
    if name.partition(":")[0] not in columns:
        raise one_of(f"metric under {where}", name, sorted(columns))
    if ":" in name or columns[name].better == "neither":
        ranked = sorted(column for column, told in columns.items() if told.better != "neither")
        raise UserError(f"metric '{name}' under {where} has no better direction: choose among {', '.join(ranked)}")
