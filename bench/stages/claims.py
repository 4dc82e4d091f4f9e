"""Stage claims: the ledger, one verdict per claim of the paper."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import artifacts, evidence, settings
from bench.claims.base import Claim
from bench.evidence import Evidence
from bench.settings import Experiment
from bench.stages.command import run, say
from methods.registry import build


def main(params: Path, experiment: str, results: Path, ledger: Path) -> None:
    """Read the experiment's folder of --results; write the --ledger (JSON)."""
    chosen = settings.experiment(params, experiment)
    artifacts.read_json(results / "settings.json")  # names the methods: without it nothing could be judged
    verdicts = judge(build_claims(chosen), evidence.read(results))
    artifacts.write_json(ledger, verdicts)
    words = ", ".join(f"{name} {found['verdict']}" for name, found in verdicts.items())
    say("claims", results, f"{ledger} ({words})")


def build_claims(chosen: Experiment) -> dict[str, Claim]:
    """Build the claims that the experiment names, in its order."""
    return {name: build(Claim, name, own or {}) for name, own in chosen.claims.items()}  # type: ignore[type-abstract]


def judge(claims: dict[str, Claim], found: Evidence) -> dict[str, dict[str, Any]]:
    """Return name -> what was claimed, how it was tested and what came out, as plain values."""
    return {
        name: {
            "title": claim.title,
            "quote": claim.quote,
            "hypothesis": claim.hypothesis(found),
            "test": claim.test,
            **artifacts.plain(asdict(claim.judge(found))),
        }
        for name, claim in claims.items()
    }


if __name__ == "__main__":
    run(main)
