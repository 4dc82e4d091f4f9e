"""What the report calls methods and measures, and in which order it shows them."""

from dataclasses import dataclass
from math import floor, isnan, log10
from typing import Any

PAPER_FPS = 24.3
SURROGATE = "surrogate"
CONTROLS = ("uniform", "centre", "sobel")

TITLES = {
    "surrogate": "Attentive surrogate",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "score_cam": "Score-CAM",
    "rise": "RISE",
    "uniform": "Uniform noise",
    "centre": "Centred Gaussian",
    "sobel": "Image gradient (Sobel)",
}


@dataclass(frozen=True)
class Measure:
    """One metric in words.

    unit: `share` (three decimals) or `percent` (one).
    needs: what an image must have for the metric to be defined on it; empty if any image will do.
    """

    title: str
    better: str
    definition: str
    unit: str = "share"
    needs: str = ""


_MASKED = "y is the probability of the explained class on the image, o on the image times its min-max scaled map."
_OBJECT = (
    "Needs an annotated object that covers at most 95 % of the image: one that fills the frame is hit by every map."
)
MEASURES = {
    "insertion": Measure(
        "Insertion AUC",
        "higher",
        "Pixels are put back into a blurred image, most salient first; area under the curve of the "
        "explained class's probability (Petsiuk 2018).",
    ),
    "deletion": Measure(
        "Deletion AUC",
        "lower",
        "Pixels are removed, most salient first; area under the curve of the explained class's "
        "probability (Petsiuk 2018).",
    ),
    "average_drop": Measure(
        "Average drop (%)",
        "lower",
        f"100 max(0, y − o) / y. {_MASKED} (Chattopadhay 2018)",
        "percent",
    ),
    "increase_in_confidence": Measure(
        "Increase in confidence (%)",
        "higher",
        f"Share of the images with o > y. {_MASKED} Easily gamed alone: read it beside average drop "
        "(Chattopadhay 2018).",
        "percent",
    ),
    "average_gain": Measure(
        "Average gain (%)",
        "higher",
        f"100 max(0, o − y) / (1 − y). {_MASKED} (Opti-CAM, Zhang 2023)",
        "percent",
    ),
    "pointing": Measure(
        "Pointing game",
        "higher",
        "Share of the images whose map has its maximum on the object or within the tolerance of it; a flat "
        "map misses. The literature averages over classes; here it is the mean over images.",
        needs=_OBJECT,
    ),
    "energy_pointing": Measure(
        "Energy pointing",
        "higher",
        "Share of the min-max scaled map's sum that lies on the object (Wang 2020).",
        needs=_OBJECT,
    ),
    "part_pointing": Measure(
        "Part pointing",
        "higher",
        "Share of the images whose map has its maximum within the tolerance of a visible part's key point; a "
        "flat map misses. Mean over images.",
        needs="Needs an annotated part that is visible.",
    ),
    "telling_energy": Measure(
        "Energy on telling parts",
        "higher",
        "Share of the min-max scaled map's sum that lies on the parts which tell the class from its twin.",
        needs="Needs telling parts that are known, as on drawn images alone, and visible.",
    ),
}


def title(explainer: str) -> str:
    """Return the name a reader knows an explainer by."""
    return TITLES.get(explainer, explainer.replace("_", " "))


def display_order(explainers: list[str]) -> list[str]:
    """Put the surrogate first and the controls last; the others keep their order."""
    return sorted(explainers, key=lambda name: (name in CONTROLS, name != SURROGATE))


def measures(described: dict[str, Any], scored: list[str]) -> dict[str, Measure]:
    """Return the measures to show: those of metrics.json in its order, then others that have rows, known ones first.

    `described` is metrics.json (direction and title of each); `scored` names the metrics that have rows.
    """
    order = list(MEASURES)
    rest = sorted(dict.fromkeys(scored), key=lambda name: order.index(name) if name in order else len(order))
    return {name: _measure(name, described.get(name, {})) for name in [*described, *rest]}


def _measure(name: str, described: dict[str, Any]) -> Measure:
    fallback = MEASURES.get(name, Measure(name.replace("_", " "), "", "Described in the benchmark's own file."))
    return Measure(
        str(described.get("title", fallback.title)),
        str(described.get("better", fallback.better)),
        fallback.definition,
        fallback.unit,
        fallback.needs,
    )


def number(value: float | None, unit: str = "share", signed: bool = False) -> str:
    """Write a metric's value: three decimals, one for percent, an en dash for what is not known."""
    if value is None or isnan(value):
        return "–"
    text = f"{value:{'+' if signed else ''}.{1 if unit == 'percent' else 3}f}"
    if float(text) == 0:
        text = text.replace("-", "").replace("+", "")
    return text.replace("-", "−")


def significant(value: float | None, digits: int = 3) -> str:
    """Write a quantity of any size with so many significant digits and no exponent."""
    if value is None or isnan(value):
        return "–"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}".replace("-", "−")
