"""The claims of the paper and what became of each in every experiment."""

from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.results import Results
from reports.tables import CLAIM_COLUMNS

# Verdict -> its sign and the class of its badge; whatever else is written there is shown as it is.
BADGES = {
    "reproduced": ("✓", "yes"),
    "not reproduced": ("✗", "no"),
    "inconclusive": ("≈", "open"),
    "not testable here": ("?", "untested"),
}
LOST = ("worse", "inferior")  # outcomes
SPEAKING = {"reproduced": ("better", "non-inferior"), "not reproduced": LOST, "inconclusive": LOST}


@dataclass(frozen=True)
class Verdict:
    """What one experiment says of one claim; see `bench.claims.base.Judgement`.

    figures: plain values, None where a number is not known.
    """

    word: str
    reason: str
    hypothesis: str
    test: str
    figures: tuple[dict[str, Any], ...]
    missing: tuple[str, ...]

    @property
    def badge(self) -> tuple[str, str]:
        """The sign and the style of the verdict."""
        return BADGES.get(self.word, ("?", "untested"))

    @property
    def telling(self) -> dict[str, Any] | None:
        """The figure to tell first, None without any or without a test.

        The one whose interval the reason quotes, or else the first that speaks for the verdict, of one that is open
        against the claim, or else the first.
        """
        if self.word == "not testable here":
            return None
        quoted = [one for one in self.figures if _interval(one) in self.reason]
        speaking = [
            one for one in self.figures if str(one.get("outcome") or "").startswith(SPEAKING.get(self.word, ()))
        ]
        return next(iter([*quoted, *speaking, *self.figures]), None)


@dataclass(frozen=True)
class Entry:
    """One claim over all experiments.

    verdicts: one for each experiment in the order of the page, None where the claim was not judged.
    """

    title: str
    quote: str
    verdicts: tuple[Verdict | None, ...]


def entries(found: list[Results]) -> list[Entry]:
    """Return the claims in the order of the first experiment that has them.

    Claims of one name whose words differ, as in a reference that is older than the code, are two entries.
    """
    by_words: dict[tuple[str, str, str], list[Verdict | None]] = {}
    for place, results in enumerate(found):
        for name, title in titles(results).items():
            told = results.claims[name]
            key = (name, title, str(told.get("quote") or ""))
            by_words.setdefault(key, [None] * len(found))[place] = _verdict(told)
    return [Entry(title, quote, tuple(own)) for (_, title, quote), own in by_words.items()]


def verdicts(results: Results) -> dict[str, Verdict]:
    """Return an experiment's verdicts by the names of the claims."""
    return {name: _verdict(told) for name, told in _told(results).items()}


def titles(results: Results) -> dict[str, str]:
    """Return what an experiment calls its claims, by their names."""
    return {name: str(told.get("title") or name) for name, told in _told(results).items()}


def tally(results: Results) -> dict[str, int]:
    """Count an experiment's claims by verdict, in the order of BADGES; other words come last."""
    words = [verdict.word for verdict in verdicts(results).values()]
    return {word: words.count(word) for word in dict.fromkeys((*BADGES, *words)) if word in words}


def rows(found: list[Results]) -> pd.DataFrame:
    """Return one row per experiment and claim for claims.csv."""
    told = [(results.key, name, one) for results in found for name, one in verdicts(results).items()]
    return pd.DataFrame([(key, name, one.word, one.reason) for key, name, one in told], columns=CLAIM_COLUMNS)


def _interval(figure: dict[str, Any]) -> str:
    """Write an interval as reasons do."""
    low, high = figure["low"], figure["high"]
    return "no interval" if low is None or high is None else f"{low:.3g} to {high:.3g}"


def _told(results: Results) -> dict[str, dict[str, Any]]:
    return {name: told for name, told in results.claims.items() if isinstance(told, dict)}


def _verdict(told: dict[str, Any]) -> Verdict:
    empty = {"label": "", "unit": "", "outcome": "", "n": None, "seeds": None}
    empty |= dict.fromkeys(("value", "low", "high", "p", "effect"))
    return Verdict(
        word=str(told.get("verdict") or "no verdict"),
        reason=str(told.get("reason") or ""),
        hypothesis=str(told.get("hypothesis") or ""),
        test=str(told.get("test") or ""),
        figures=tuple({**empty, **figure} for figure in told.get("figures") or ()),
        missing=tuple(map(str, told.get("missing") or ())),
    )
