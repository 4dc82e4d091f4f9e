"""How fast every explainer ran, from the pytest-benchmark files."""

from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from reports.results import Results

SURROGATE = "surrogate"


@dataclass(frozen=True)
class Speed:
    """How fast one explainer ran; NaN-free, None where nothing was measured.

    median_ms, iqr_ms, p99_ms: time of one call on one image, median, interquartile range and 99th percentile, which
        of fewer than 100 calls is their slowest.
    fps, fps_batch: images per second, one at a time and `batch` at a time.
    forward_ratio: time for one image over one bare forward pass of the teacher in the same process.
    forward_passes: images that pass through the network for one explanation.
    overhead: time over that of these forward passes at the teacher's fastest batch, at the explainer's fastest batch.
    memory_mb: MB (10^6 bytes) that one image needs at most, above the loaded network.
    break_even: images after which the surrogate, its training included, took less time than this explainer, which
        has none of its own; see `per_image`.
    """

    experiment: str
    explainer: str
    median_ms: float | None = None
    iqr_ms: float | None = None
    p99_ms: float | None = None
    fps: float | None = None
    batch: int | None = None
    fps_batch: float | None = None
    forward_ratio: float | None = None
    forward_passes: float | None = None
    overhead: float | None = None
    memory_mb: float | None = None
    break_even: int | None = None
    device: str = ""
    precision: str = ""
    image_size: int | None = None


def throughput(results: Results) -> list[Speed]:
    """Return one row per explainer."""
    trained = (results.fits.get(SURROGATE) or {}).get("seconds")
    own = _by_batch(results, SURROGATE).get(1)
    return [_speed(results, name, trained, own) for name in results.explainers]


def per_image(surrogate: dict[str, Any], other: dict[str, Any]) -> tuple[float, float]:
    """Return the seconds for one image of two explainers that were timed in processes of their own.

    Between these the machine's speed drifts, so that the other one's are its `forward_ratio`, taken in turn with bare
    forward passes, times the bare pass in the surrogate's process. Without the ratios they are the two medians.
    """
    seconds, ratios = ([read(one) for one in (surrogate, other)] for read in (_median, _forward_ratio))
    if not all(ratios):
        return seconds[0], seconds[1]
    return seconds[0], ratios[1] * seconds[0] / ratios[0]


def break_even(training: float | None, surrogate: float | None, other: float | None) -> int | None:
    """Return the number of images, or None if the other explainer is as fast or something was not measured.

    training, surrogate, other: seconds, the latter two per image.
    """
    if training is None or surrogate is None or other is None or other <= surrogate:
        return None
    return int(np.ceil(training / (other - surrogate)))


def _speed(results: Results, explainer: str, trained: float | None, own: dict[str, Any] | None) -> Speed:
    by_batch = _by_batch(results, explainer)
    if not by_batch:
        return Speed(results.key, explainer)
    one, largest = by_batch.get(1), max(by_batch)
    info, single = by_batch[min(by_batch)]["extra_info"], one["extra_info"] if one else {}
    overheads = [b["extra_info"]["overhead"] for b in by_batch.values() if b["extra_info"].get("overhead")]
    memory = single.get("peak_memory")
    seconds = per_image(own, one) if own and one and not results.fits.get(explainer) else (None, None)
    return Speed(
        results.key,
        explainer,
        median_ms=_median(one) * 1000 if one else None,
        iqr_ms=_iqr(one) * 1000 if one else None,
        p99_ms=_p99(one) * 1000 if one else None,
        fps=1 / _median(one) if one else None,
        batch=largest if largest > 1 else None,
        fps_batch=largest / _median(by_batch[largest]) if largest > 1 else None,
        forward_ratio=single.get("forward_ratio"),
        forward_passes=single.get("forward_passes"),
        overhead=min(overheads, default=None),
        memory_mb=None if memory is None else memory / 1e6,
        break_even=break_even(trained, *seconds),
        device=str(info.get("device", "")),
        precision=str(info.get("precision", "")),
        image_size=info.get("image_size"),
    )


def _by_batch(results: Results, explainer: str) -> dict[int, dict[str, Any]]:
    benchmarks = results.timings.get(explainer, {}).get("benchmarks") or []
    return {int(b["extra_info"]["batch"]): b for b in benchmarks if "batch" in b.get("extra_info", {})}


def _median(benchmark: dict[str, Any]) -> float:
    stats = benchmark["stats"]
    return float(stats["median"] if "median" in stats else median(stats["data"]))


def _forward_ratio(benchmark: dict[str, Any]) -> float:
    return float(benchmark["extra_info"].get("forward_ratio") or 0)


def _iqr(benchmark: dict[str, Any]) -> float:
    low, high = np.quantile(_seconds(benchmark), [0.25, 0.75])
    return float(high - low)


def _p99(benchmark: dict[str, Any]) -> float:
    return float(np.quantile(_seconds(benchmark), 0.99, method="higher"))


def _seconds(benchmark: dict[str, Any]) -> list[float]:
    return benchmark["stats"].get("data") or [_median(benchmark)]
