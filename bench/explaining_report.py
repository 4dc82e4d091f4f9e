"""What was found out about photographs, and how it is told in words."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from bench.datasets._photographs import Fit
from bench.explaining import Explanation, Photograph, printable
from bench.method_names import kind, title
from bench.settings import Experiment

SHOWN_CLASSES = 5


@dataclass(frozen=True)
class Report:
    """All that was found out about N photographs; row i of every member is photograph i.

    fit: how the photographs were fitted into a square.
    classes: K names.
    probabilities: float32 [N, K], of the classifier.
    targets: int64 [N], the explained classes.
    found: method -> N explanations.
    environment: what `runtime.environment` tells of hardware and versions.
    """

    chosen: Experiment
    fit: Fit
    classes: list[str]
    photographs: list[Photograph]
    probabilities: Tensor
    targets: Tensor
    found: dict[str, list[Explanation]]
    environment: dict[str, str | int]

    @property
    def hardware(self) -> str:
        """The device on which everything ran."""
        told = self.environment
        threads = f"{told['threads']} thread{'s' if told['threads'] != 1 else ''}"
        return f"{told['cpu']}, {threads}" if told["device"] == "cpu" else str(told["device"])

    def best(self, i: int) -> list[tuple[str, float]]:
        """Return the likeliest classes of photograph i with their probabilities."""
        order = self.probabilities[i].argsort(descending=True, stable=True)[:SHOWN_CLASSES].tolist()
        return [(self.classes[k], float(self.probabilities[i, k])) for k in order]

    def explained(self, i: int) -> tuple[str, float]:
        """Return the explained class of photograph i and its probability."""
        target = int(self.targets[i])
        return self.classes[target], float(self.probabilities[i, target])

    def methods(self) -> list[dict[str, Any]]:
        """Return each method's titles, the size of its maps, and its seconds per image, the mean over all."""
        return [
            {
                "name": name,
                "title": title(name),
                "kind": kind(name),
                "size": " × ".join(map(str, explanations[0].saliency.shape)),
                "seconds": sum(one.seconds for one in explanations) / len(explanations),
            }
            for name, explanations in self.found.items()
        ]

    def summary(self) -> list[str]:
        """Return what the terminal shows: a line per image and a line per method."""
        lines = []
        for i, photograph in enumerate(self.photographs):
            predicted, explained = self.best(i)[0], self.explained(i)
            told = "" if predicted == explained else f"; explained: {explained[0]}, {percent(explained[1])}"
            lines.append(f"{printable(photograph.path)}: {predicted[0]}, {percent(predicted[1])}{told}")
        width = max(len(title(name)) for name in self.found)
        for method in self.methods():
            lines.append(f"  {method['title']:<{width}}  {duration(method['seconds']):>9}  {method['size']} map")
        return [*lines, f"  time per image on {self.hardware}, {self.environment['precision']}"]


def percent(probability: float) -> str:
    """Write a probability in percent."""
    return "< 0.1 %" if 0 < probability < 0.0005 else f"{100 * probability:.1f} %"


def duration(seconds: float) -> str:
    """Write a time in milliseconds below one second, else in seconds."""
    if seconds < 1e-3:
        return f"{1000 * seconds:.2g} ms"
    return f"{1000 * seconds:.1f} ms" if seconds < 1 else f"{seconds:.1f} s"
