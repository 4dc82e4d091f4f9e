"""What the throughput suite measured on other machines, a GPU say, or at another precision."""

from dataclasses import dataclass, replace
from typing import Any

from reports import suite
from reports.results import Results
from reports.speeds import Speed, throughput


@dataclass(frozen=True)
class Elsewhere:
    """One run of the suite, beside the run that the experiment's own table shows.

    title: device and precision.
    hardware: processor, threads and versions, as far as they were recorded.
    note: what its file says under `note`, or nothing.
    speeds: of the explainers that were timed.
    """

    title: str
    hardware: str
    note: str
    speeds: list[Speed]
    peers: list[suite.PeerSpeed]

    @property
    def on_cpu(self) -> bool:
        """Whether all of it was timed on a CPU."""
        return all(speed.device == "cpu" for speed in self.speeds)


def elsewhere(results: Results) -> list[Elsewhere]:
    """Return the runs in the order of their files' names; those that timed nothing are left out."""
    found = (_run(results, content) for content in results.elsewhere.values())
    return [one for one in found if one.speeds or one.peers]


def _run(results: Results, content: dict[str, Any]) -> Elsewhere:
    timings: dict[str, dict[str, Any]] = {}
    for benchmark in content.get("benchmarks") or []:
        info = benchmark.get("extra_info") or {}
        if {"explainer", "batch"} <= set(info):
            timings.setdefault(info["explainer"], {"benchmarks": []})["benchmarks"].append(benchmark)
    own = replace(results, timings=timings, benchmarks=content, fits={})
    speeds = [speed for speed in throughput(own) if speed.device]
    told = content.get("machine_info") or {}
    processor = (told.get("cpu") or {}).get("brand_raw")
    names = {"cpu": f"a CPU, {processor}" if processor else "a CPU"}
    where = dict.fromkeys(f"{names.get(speed.device, speed.device)}, {speed.precision}" for speed in speeds)
    return Elsewhere(
        title="; ".join(where) or "another machine",
        hardware=_hardware(told),
        note=str(content.get("note") or ""),
        speeds=speeds,
        peers=suite.peers(own),
    )


def _hardware(told: dict[str, Any]) -> str:
    cpu = told.get("cpu") or {}
    parts = {
        "{}": cpu.get("brand_raw"),
        "{} threads": told.get("threads"),
        "torch {}": told.get("torch"),
        "Python {}": told.get("python_version"),
    }
    return ", ".join(words.format(value) for words, value in parts.items() if value)
