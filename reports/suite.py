"""What the throughput suite says beyond frames per second: published implementations, growth, cost of scoring."""

from dataclasses import dataclass
from typing import Any

from reports.results import Results


@dataclass(frozen=True)
class PeerSpeed:
    """One of our explainers beside a published implementation of it, timed in turn.

    ours_ms, shipped_ms, hosted_ms: median of one call: ours, theirs as shipped, theirs inside our runtime, or None
        where it does not run at the runtime's precision.
    precision: of ours and of theirs inside our runtime; as shipped is fp32.
    least_correlation: Spearman's, of our maps at that precision with those in fp32, of the worst image; None in fp32.
    """

    explainer: str
    package: str
    batch: int
    ours_ms: float
    shipped_ms: float
    hosted_ms: float | None
    precision: str = "fp32"
    least_correlation: float | None = None

    @property
    def speedup_shipped(self) -> float:
        """How many times faster ours is than theirs as shipped."""
        return self.shipped_ms / self.ours_ms

    @property
    def speedup_hosted(self) -> float | None:
        """How many times faster ours is than theirs inside our runtime."""
        return None if self.hosted_ms is None else self.hosted_ms / self.ours_ms


@dataclass(frozen=True)
class Growth:
    """How long an explanation takes at several sizes of one thing.

    slope: of log time over log size. sizes, seconds: what it was taken from; empty where only the slope was kept.
    """

    slope: float
    sizes: tuple[int, ...] = ()
    seconds: tuple[float, ...] = ()


@dataclass(frozen=True)
class ScoringCost:
    """Forward passes that all metrics need per image, and time over theirs."""

    forward_passes: float
    overhead: float


def peers(results: Results) -> list[PeerSpeed]:
    """Return one row per published implementation that was timed."""
    rows = []
    for info in _infos(results, "pair"):
        explainer, _, package = str(info["pair"]).partition(", ")
        ms = {name: 1000 * float(value) for name, value in info["seconds"].items()}
        shown = (ms["ours"], ms["theirs_as_shipped"], ms.get("theirs_in_our_runtime"))
        least = (info.get("rank_correlation_with_fp32") or {}).get("least")
        rows.append(PeerSpeed(explainer, package, int(info["batch"]), *shown, info.get("precision") or "fp32", least))
    return rows


def grown(results: Results) -> dict[str, dict[str, Growth]]:
    """Return explainer -> axis -> how its cost grows."""
    found: dict[str, dict[str, Growth]] = {}
    for info in _infos(results, "axis"):
        one = Growth(float(info["slope"]), tuple(info.get("sizes") or ()), tuple(info.get("seconds") or ()))
        found.setdefault(str(info["explainer"]), {})[str(info["axis"])] = one
    return {name: found[name] for name in results.explainers if name in found}


def axes_of(found: dict[str, dict[str, Growth]]) -> list[str]:
    """Return every axis along which something was timed, in the order found."""
    return list(dict.fromkeys(axis for own in found.values() for axis in own))


def scoring(results: Results) -> ScoringCost | None:
    """Return what scoring costs, or None if it was not timed."""
    for info in _infos(results, "forward_passes_per_image"):
        return ScoringCost(float(info["forward_passes_per_image"]), float(info["overhead"]))
    return None


def _infos(results: Results, key: str) -> list[dict[str, Any]]:
    found = (one.get("extra_info") or {} for one in results.benchmarks.get("benchmarks") or [])
    return [info for info in found if key in info]
