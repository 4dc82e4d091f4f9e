"""A page for every explainer, metric, claim and data set, made from its docstring.

`python -m reports.manual --out docs/manual`
"""

import inspect
from dataclasses import MISSING, Field, fields
from functools import partial
from pathlib import Path
from typing import Any

from bench import artifacts, method_names
from bench.claims.base import Claim
from bench.datasets.base import Dataset
from bench.metrics.base import Metric
from bench.stages.command import run, say
from methods.explainers.base import Explainer
from methods.registry import find, names

KINDS: dict[str, tuple[type, str]] = {
    "explainers": (Explainer, "methods/explainers"),
    "metrics": (Metric, "bench/metrics"),
    "claims": (Claim, "bench/claims"),
    "datasets": (Dataset, "bench/datasets"),
}


def main(out: Path) -> None:
    """Write one Markdown page per module, and an index, below --out; pages of what no longer exists are removed."""
    pages = {f"{kind}/{name}.md": page(kind, name) for kind, (base, _) in KINDS.items() for name in names(base)}
    pages["README.md"] = index()
    for old in out.glob("*/*.md"):
        if str(old.relative_to(out)) not in pages:
            old.unlink()
    for name, text in pages.items():
        artifacts.write_atomically(out / name, partial(Path.write_text, data=text, encoding="utf-8"))
    say("manual", "docstrings", f"{len(pages)} pages in {out}")


def index() -> str:
    """Return the list of all pages, with the first sentence of each."""
    lines = ["# Manual", "", "Made from the docstrings by `python -m reports.manual --out docs/manual`."]
    for kind, (base, _) in KINDS.items():
        lines += ["", f"## {kind.capitalize().replace('Datasets', 'Data sets')}", ""]
        lines += [f"- [`{name}`]({kind}/{name}.md): {_first(find(base, name))}" for name in names(base)]
    return "\n".join(lines) + "\n"


def page(kind: str, name: str) -> str:
    """Return the page of one module: title, docstring, columns if it has some, settings with their defaults."""
    base, folder = KINDS[kind]
    found: Any = find(base, name)
    lines = [f"# {_title(kind, name, found)}", "", text(found), ""]
    if kind == "claims":
        lines += [f"> {found.quote}", "", f"Test: {found.test}", ""]
    columns = getattr(found, "columns", {})
    if columns:
        lines += ["| column | title | better |", "| --- | --- | --- |"]
        lines += [f"| `{key}` | {column.title} | {column.better} |" for key, column in columns.items()] + [""]
    settings = [field for field in fields(found) if field.init]
    if settings:
        lines += ["| setting | default |", "| --- | --- |"]
        lines += [f"| `{field.name}` | {_default(field)} |" for field in settings] + [""]
    return "\n".join([*lines, f"Source: `{folder}/{name}.py`"]) + "\n"


def _title(kind: str, name: str, found: type) -> str:
    if kind == "explainers":
        return method_names.title(name)
    return str(getattr(found, "title", name.replace("_", " ").capitalize()))


def text(found: type, bold: str = "**") -> str:
    """Return the docstring; lines that describe a setting (`name: ...`) become a list, their names in `bold`."""
    own = {field.name for field in fields(found)}
    lines = []
    for line in (inspect.getdoc(found) or "").splitlines():
        name = line.split(":")[0]
        described = ":" in line and all(part.strip() in own for part in name.split(","))
        lines.append(f"- {bold}{name}{bold}:{line[len(name) + 1 :]}" if described else line)
    return "\n".join(lines).partition("\nRaises:")[0].rstrip()


def _first(found: type) -> str:
    return " ".join((inspect.getdoc(found) or "").split("\n\n")[0].split())


def _default(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"`{field.default!r}`"
    return "required" if field.default_factory is MISSING else f"`{field.default_factory()!r}`"


if __name__ == "__main__":
    run(main)
