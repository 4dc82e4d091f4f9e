"""A card for each method: what it does, from its docstring, and with which settings it was compared."""

from dataclasses import dataclass

from methods.errors import UserError
from methods.explainers.base import Explainer
from methods.registry import find
from reports import glossary, manual
from reports.provenance import written
from reports.results import Results


@dataclass(frozen=True)
class Use:
    """How one experiment used a method.

    facts: words and value, of what is known: settings as far as they differ from the defaults, size of its maps,
        parameters and training of its network.
    """

    experiment: str
    committed: bool
    facts: dict[str, str]


@dataclass(frozen=True)
class Card:
    """One method; `text` is empty where its code is not at hand."""

    name: str
    title: str
    text: str
    uses: tuple[Use, ...]


def cards(found: list[Results]) -> list[Card]:
    """Return a card for each method of these experiments, in the order of display."""
    names = glossary.display_order(list(dict.fromkeys(name for results in found for name in results.explainers)))
    return [
        Card(name, glossary.title(name), _text(name), tuple(_use(one, name) for one in found if name in one.explainers))
        for name in names
    ]


def _text(name: str) -> str:
    try:
        return manual.text(find(Explainer, name), bold="")  # type: ignore[type-abstract]
    except UserError:
        return ""


def _use(results: Results, name: str) -> Use:
    chosen, fit = results.settings["explainers"].get(name) or {}, results.fits.get(name) or {}
    facts = {key: written(value) for key, value in chosen.items()}
    if name in results.map_sizes:
        facts["native map"] = " × ".join(map(str, results.map_sizes[name]))
    if fit.get("parameters"):
        facts["parameters"] = f"{fit['parameters']:,}"
    if fit.get("seconds"):
        facts["training"] = f"{glossary.significant(fit['seconds'])} s"
    return Use(results.title, results.committed, facts)
