"""What a claim of the paper is to the benchmark."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bench.evidence import Evidence

Verdict = Literal["reproduced", "not reproduced", "inconclusive", "not testable here"]
Unit = Literal["fps", "times", "share", "percent", "cells"]
Names = Annotated[tuple[str, ...], Field(min_length=1)]  # of the methods or metrics that a claim rests on
# Fixed before any result of these metrics was seen: faithfulness in and out of distribution, and location.
PRIMARY = ("insertion", "deletion", "road_morf", "average_drop", "adcc", "part_pointing", "effect_mass")


@dataclass(frozen=True)
class Figure:
    """One number that a verdict rests on.

    label: what it is.
    value, low, high: it and its 95 % interval; NaN where there is none.
    n: samples (images, or timed calls); seeds: runs they come from.
    unit: how to write it.
    outcome: what it says for the claim, in words.
    p: of its test, corrected within the claim (Holm); NaN if it has none.
    effect: size of a paired difference, the matched-pairs rank-biserial correlation; NaN if it is none.
    """

    label: str
    value: float
    low: float
    high: float
    n: int
    unit: Unit
    outcome: str = ""
    seeds: int = 1
    p: float = float("nan")
    effect: float = float("nan")


@dataclass(frozen=True)
class Judgement:
    """A verdict with its reasons.

    reason: one sentence that names the deciding figures.
    missing: what would have to be there for a verdict; empty if there is one.
    """

    verdict: Verdict
    reason: str
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()


class Claim(ABC):
    """One claim; the fields of a subclass are the thresholds in params.yaml, fixed before results are seen.

    quote: the sentence of the abstract.
    title: the claim in a few words.
    test: how it is decided.
    """

    title: ClassVar[str]
    quote: ClassVar[str]
    test: ClassVar[str]

    @abstractmethod
    def hypothesis(self, evidence: Evidence) -> str:
        """Return the claim in measurable terms, thresholds included, by the names that the experiment's tables have."""

    @abstractmethod
    def judge(self, evidence: Evidence) -> Judgement:
        """Decide from one experiment's evidence; what is missing makes it not testable, never an assumption."""


def untestable(missing: list[str], figures: tuple[Figure, ...] = ()) -> Judgement:
    """Return the judgement of a claim whose data are not there."""
    return Judgement("not testable here", f"Missing: {'; '.join(missing)}.", figures, tuple(missing))
