"""Under which protocols an experiment's numbers were taken, as the page shows them."""

import json
from dataclasses import dataclass

from bench.protocol import Protocol
from reports.results import Results


@dataclass(frozen=True)
class Differing:
    """What sets the numbers of some metrics apart from the others of the experiment.

    metrics: those that share this protocol, by name; fields: only those that not all metrics share.
    """

    id: str
    metrics: tuple[str, ...]
    fields: dict[str, str]


def identity(protocol: Protocol) -> str:
    """Return the id that the rows carry, also when the file of its fields was lost."""
    return str(protocol.fields["protocol"]) if set(protocol.fields) == {"protocol"} else protocol.id


def shared(results: Results) -> dict[str, str]:
    """Return the fields, written out, that have one value under all protocols of the experiment."""
    first, *others = [_written(one) for one in results.protocols.values()] or [{}]
    return {name: value for name, value in first.items() if all(other.get(name) == value for other in others)}


def differing(results: Results) -> list[Differing]:
    """Return one entry per protocol with the fields that not all of them share."""
    common = shared(results)
    found: dict[str, tuple[Protocol, list[str]]] = {}
    for metric, protocol in results.protocols.items():
        found.setdefault(identity(protocol), (protocol, []))[1].append(metric)
    return [
        Differing(name, tuple(metrics), {k: v for k, v in _written(protocol).items() if k not in common})
        for name, (protocol, metrics) in found.items()
    ]


def _written(protocol: Protocol) -> dict[str, str]:
    return {
        name: value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
        for name, value in protocol.fields.items()
    }
