"""Which of our modules a module needs, read from the sources without running them."""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGES = ("bench", "methods", "reports")


def closure(root: Path, starts: Iterable[str], without: Iterable[str] = ()) -> set[str]:
    """Return the files, relative to `root`, that `starts` import, themselves included, however indirectly.

    `without` are neither followed nor returned, nor are packages that only have a docstring.
    """
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        path = waiting.pop()
        if path not in found and path not in without:
            found.add(path)
            waiting += _imports(root, path)
    return {path for path in found if _statements(root / path)}


@cache
def _imports(root: Path, path: str) -> list[str]:
    """Imports within functions count, those for the type checker alone do not; a path in quotes counts as one."""
    names = [name for node in _executed(ast.parse((root / path).read_text(encoding="utf-8"))) for name in _names(node)]
    return [file for name in names if name.split(".")[0] in PACKAGES for file in _files(root, name)]


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
            yield from _executed(child)


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.module and not node.level, "imports are absolute here"
        return [f"{node.module}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith(".py"):
        return [node.value.removesuffix(".py").replace("/", ".")]  # of tests that a stage hands to pytest
    return []


def _files(root: Path, name: str) -> list[str]:
    """Return the module of a dotted name and the packages it lies in; what does not exist is a name in a module."""
    parts = name.split(".")
    stems = ["/".join(parts[: end + 1]) for end in range(len(parts))]
    return [file for stem in stems for file in (f"{stem}.py", f"{stem}/__init__.py") if (root / file).is_file()]


@cache
def _statements(path: Path) -> bool:
    """Whether a file has more than a docstring."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return any(not (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)) for one in body)
