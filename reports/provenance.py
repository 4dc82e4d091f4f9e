"""Where an experiment's numbers come from: data, code, hardware and how long it took."""

import subprocess
from typing import Any

from reports import glossary
from reports.compare_sources import REFERENCE, git
from reports.results import Results

CODE = ("methods", "bench", "reports")


def provenance(results: Results) -> dict[str, str]:
    """Return words and value of all that is known, in the order of the page."""
    own = {name: written(value) for name, value in results.environment.items() if name != "also"}
    environment = own | {f"in part on {device}": what for device, what in also(results).items()}
    data = {
        "data set": written(results.settings.get("dataset", {})),
        "images": written(results.data.get("images")),
        "classes": written(results.data.get("classes")),
        "parts": written(results.data.get("parts")),
        "checksum of all pixels (SHA-256)": written(results.data.get("checksum")),
    }
    code = {"results committed in": _recorded(results), "timed at revision": _timed(results)}
    code |= {"clock": _clock(results), "training took": _training(results)}
    found = data | code | environment
    return {name: value for name, value in found.items() if value}


def hardware(results: Results) -> str:
    """Name the hardware that the results were computed on, and what else computed a part of them."""
    told = results.environment
    details = [str(told["cpu"])] if told.get("cpu") else []
    details += [f"{told['threads']} threads"] if told.get("threads") else []
    device = str(told.get("device") or "not recorded")
    own = f"{device} ({', '.join(details)})" if details else device
    return ", ".join([own, *(f"in part {other}" for other in also(results))])


def also(results: Results) -> dict[str, str]:
    """Return the other devices that computed a part of the results, each with what that is: `also` in environment.json.

    No stage writes it: who puts results of several machines together does.
    """
    return dict(results.environment.get("also") or {})


def page_revision() -> str:
    """Return the revision of the code that makes this page, with a word if it was changed; empty outside git."""
    try:
        changed = git(REFERENCE.parents[1], "status", "--porcelain", "--untracked-files=no", "--", *CODE)
        return git(REFERENCE.parent, "rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _recorded(results: Results) -> str:
    """Return the last revision that changed a committed reference, with its day."""
    if not results.committed:
        return ""
    try:
        return git(results.folder, "log", "-1", "--format=%h of %cs", "--", ".")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _timed(results: Results) -> str:
    """Return the revisions at which pytest-benchmark ran, each with its day."""
    found = []
    for timing in results.timings.values():
        commit = timing.get("commit_info") or {}
        if commit.get("id"):
            changed = " with changes" if commit.get("dirty") else ""
            found.append(f"{str(commit['id'])[:10]}{changed} on {str(timing.get('datetime'))[:10]}")
    return ", ".join(dict.fromkeys(found))


def _clock(results: Results) -> str:
    """Return the clocks that calls were timed with."""
    told = [(timing.get("machine_info") or {}).get("clock") or {} for timing in results.timings.values()]
    found = [
        f"{one['source']}, of {one['resolution'] * 1e9:.0f} ns" for one in told if {"source", "resolution"} <= set(one)
    ]
    return "; ".join(dict.fromkeys(found))


def _training(results: Results) -> str:
    summaries = {"teacher": results.teacher, **results.fits}
    trained = {name: summary.get("seconds") for name, summary in summaries.items() if summary}
    words = [
        f"{'teacher' if name == 'teacher' else glossary.title(name)} {glossary.significant(seconds)} s"
        for name, seconds in trained.items()
        if seconds
    ]
    return ", ".join(words)


def written(value: Any) -> str:
    """Write a value of JSON in words, without brackets; nothing for None."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {written(one)}" for key, one in value.items())
    if isinstance(value, list):
        return ", ".join(map(written, value))
    return "" if value is None else str(value)
