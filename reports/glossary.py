"""What the report calls methods, in which order it shows them, and how it writes numbers."""

from math import floor, isinf, isnan, log10

PAPER_FPS = 24.3
SURROGATE = "surrogate"
CONTROLS = ("uniform", "centre", "sobel")

TITLES = {
    "surrogate": "Attentive surrogate",
    "surrogate_last_stage": "Surrogate, last stage only",
    "surrogate_no_attention": "Surrogate, no attention",
    "surrogate_no_distillation": "Surrogate, no distillation",
    "grad_cam": "Grad-CAM",
    "grad_cam_plus_plus": "Grad-CAM++",
    "score_cam": "Score-CAM",
    "rise": "RISE",
    "meaningful_perturbation": "Meaningful perturbation",
    "uniform": "Uniform noise",
    "centre": "Centred Gaussian",
    "sobel": "Image gradient (Sobel)",
}


def title(explainer: str) -> str:
    """Return the name a reader knows an explainer by."""
    return TITLES.get(explainer, explainer.replace("_", " "))


def kind(explainer: str) -> str:
    """Return `method`, `ablation` (the surrogate with something taken away) or `control`.

    Only methods are ranked: an ablation is a variant of one of them and would count it twice.
    """
    if explainer in CONTROLS:
        return "control"
    return "ablation" if explainer.startswith(f"{SURROGATE}_") else "method"


def display_order(explainers: list[str]) -> list[str]:
    """Put the surrogate first, its ablations next and the controls last; the others keep their order."""
    place = {"ablation": 1, "method": 2, "control": 3}
    return sorted(explainers, key=lambda name: 0 if name == SURROGATE else place[kind(name)])


def number(value: float | None, unit: str = "share", signed: bool = False) -> str:
    """Write a metric's value: three decimals, one for percent, an en dash for what is not known."""
    if value is None or isnan(value):
        return "–"
    if isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:{'+' if signed else ''}.{1 if unit == 'percent' else 3}f}"
    if float(text) == 0:
        text = text.replace("-", "").replace("+", "")
    return text.replace("-", "−")


def significant(value: float | None, digits: int = 3) -> str:
    """Write a quantity of any size with so many significant digits and no exponent."""
    if value is None or isnan(value) or isinf(value):
        return number(value)
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - floor(log10(abs(value))))
    return f"{value:,.{min(decimals, 6)}f}".replace("-", "−")


def quantity(value: float | None, unit: str, signed: bool = False) -> str:
    """Write a figure of the claims ledger in its unit: fps, times, cells, share or percent."""
    if unit in ("share", "percent"):
        return number(value, unit, signed)
    return significant(value) if unit != "cells" or value is None or isnan(value) else f"{value:,.0f}"


def p_value(value: float | None) -> str:
    """Write the p-value of a test."""
    if value is None or isnan(value):
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
