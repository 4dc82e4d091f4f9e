"""What the report calls methods, in which order it shows them, and how it writes numbers."""

from collections.abc import Sequence
from math import floor, isinf, isnan, log10

from bench.method_names import SURROGATE as SURROGATE
from bench.method_names import kind as kind
from bench.method_names import title as title

PAPER_FPS = 24.3


def display_order(explainers: list[str]) -> list[str]:
    """Put the surrogate first, then the other methods, its ablations and the controls; each kind keeps its order."""
    place = {"method": 1, "ablation": 2, "control": 3}
    return sorted(explainers, key=lambda name: 0 if name == SURROGATE else place[kind(name)])


def listed(words: Sequence[str]) -> str:
    """Write several names as one; semicolons part those that have a comma of their own."""
    comma = "; " if any("," in word for word in words) else ", "
    return " and ".join([*filter(None, [comma.join(words[:-1])]), *words[-1:]])


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
