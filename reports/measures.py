"""What the report calls measures, and what they are in words."""

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Measure:
    """One metric in words.

    better: `higher`, `lower`, or anything else for what describes maps and never ranks them.
    unit: `share` (three decimals) or `percent` (one).
    needs: what an image, or the classifier, must have for the metric to be defined; empty if any will do.
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
_AGAIN = "Every method is asked again for each image, so that only the first images may be scored."
_EFFECT = "Needs drawn images with at least two visible parts that differ in their effect."
_ROAD = (
    "Mean probability of the explained class over several shares of pixels that are replaced by noisy linear "
    "interpolation of their neighbours."
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
    "road_morf": Measure(
        "ROAD, most relevant first",
        "lower",
        f"{_ROAD} Most salient pixels first (Rong 2022).",
    ),
    "road_lerf": Measure(
        "ROAD, least relevant first",
        "higher",
        f"{_ROAD} Least salient pixels first (Rong 2022).",
    ),
    "adcc": Measure(
        "ADCC",
        "higher",
        "Harmonic mean of coherency, 1 − complexity and 1 − drop, per image; 0 where one of them is 0. "
        + _AGAIN
        + " (Poppi 2021)",
    ),
    "coherency": Measure(
        "Coherency",
        "higher",
        "(r + 1) / 2, where r is the correlation of the map with the one of the image times that map: does what is "
        "shown explain itself? " + _AGAIN + " (Poppi 2021)",
    ),
    "complexity": Measure(
        "Complexity",
        "neither",
        "Mean of the min-max scaled map: how much of the image it covers (Poppi 2021).",
    ),
    "removal_correlation": Measure(
        "Mass and effect of removal, rank correlation",
        "higher",
        "Spearman’s correlation over the visible parts, from −1 to 1: the map’s sum on a part against the fall of the "
        "explained class’s probability when that part alone is removed (after Hesse 2023).",
        needs=_EFFECT,
    ),
    "swap_correlation": Measure(
        "Mass and effect of swap, rank correlation",
        "higher",
        "As for removal, when the part alone is given the look it has in the nearest class.",
        needs=_EFFECT,
    ),
    "effect_mass": Measure(
        "Mass on effective parts",
        "higher",
        "Share of the map’s sum on each part, weighed by what its removal takes from the class relative to the "
        "strongest part: 1 if all of it lies there.",
        needs="Needs drawn images and a part whose removal lowers the class’s probability.",
    ),
    "zoom_accuracy": Measure(
        "Accuracy on the crop",
        "higher",
        "Share of the images whose true class the classifier names from the window with the largest sum of the map, "
        "enlarged. Uniform noise chooses a random window, the centred Gaussian the middle one.",
    ),
    "zoom_joint_accuracy": Measure(
        "Accuracy on image and crop",
        "higher",
        "The same for the mean of the probabilities on the whole image and on the crop.",
    ),
    "pooled_accuracy": Measure(
        "Accuracy on selected features",
        "higher",
        "Share of the images whose true class the classifier’s head names from the last features, averaged with the "
        "map as weights instead of evenly.",
        needs="Needs a classifier that averages its last features: one that classifies by a class token does not.",
    ),
    "randomisation": Measure(
        "Similarity after randomisation, cascade",
        "lower",
        "Rank correlation, without its sign, of the map with the ones after the network’s layers are re-initialised "
        "from the output down, mean over the steps; 1 if the map ignores what was learned. "
        "A student forgets its attention and head before its backbone: between students and methods that read the "
        f"classifier only full randomisation compares like with like. {_AGAIN} (Adebayo 2018)",
    ),
    "randomisation_full": Measure(
        "Similarity after full randomisation",
        "lower",
        "The last step of the cascade, when nothing learned is left. " + _AGAIN + " (Adebayo 2018)",
    ),
    "sensitivity_mean": Measure(
        "Change under noise, mean",
        "lower",
        "Euclidean norm of the change of the min-max scaled map over its own norm when faint noise is added to the "
        "image, mean over the draws. A map that never changes wins. " + _AGAIN + " (Yeh 2019)",
    ),
    "sensitivity_max": Measure(
        "Change under noise, max",
        "lower",
        "The same, the largest over the draws. " + _AGAIN + " (Yeh 2019)",
    ),
    "gini": Measure(
        "Gini index",
        "neither",
        "How unequal the pixels of the min-max scaled map are: 0 if all are alike, near 1 if one has everything "
        "(Hurley and Rickard 2009).",
    ),
    "entropy": Measure(
        "Entropy",
        "neither",
        "Of the map as a distribution over the pixels, divided by its maximum: 1 if all are alike, 0 if one has "
        "everything (Bhatt 2020).",
    ),
}


def measures(described: dict[str, Any], scored: list[str]) -> dict[str, Measure]:
    """Return the measures to show: those of metrics.json in its order, then others that have rows, known ones first.

    `described` is metrics.json (direction and title of each); `scored` names the metrics that have rows.
    """
    order = list(MEASURES)
    rest = sorted(dict.fromkeys(scored), key=lambda name: order.index(name) if name in order else len(order))
    return {name: _measure(name, described.get(name, {})) for name in [*described, *rest]}


def in_words(found: dict[str, Measure]) -> list[Measure]:
    """Return the entries of the glossary: one for all columns that differ by the part alone."""
    entries: dict[str, Measure] = {}
    for name, measure in found.items():
        metric, _, part = name.partition(":")
        if part and metric in MEASURES:
            entries.setdefault(f"{metric}:", replace(measure, title=f"{MEASURES[metric].title}, part by part"))
        else:
            entries[name] = measure
    return list(entries.values())


def _measure(name: str, described: dict[str, Any]) -> Measure:
    fallback = MEASURES.get(name) or _of_part(name)
    return Measure(
        str(described.get("title", fallback.title)),
        str(described.get("better", fallback.better)),
        fallback.definition,
        fallback.unit,
        fallback.needs,
    )


def _of_part(name: str) -> Measure:
    """Return the measure of a column such as `part_pointing:beak`, or of one that is not known here."""
    metric, _, part = name.partition(":")
    if part and metric == "part_pointing":
        words = "Share of the images with that part visible whose map has its maximum within the tolerance of it."
        return Measure(f"Points at {part.replace('_', ' ')}", "neither", words, needs="Needs that part to be visible.")
    return Measure(name.replace("_", " "), "", "Described in the benchmark's own file.")
