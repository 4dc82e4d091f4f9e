"""Find and build explainers, metrics and data sets by the name of their file."""

import inspect
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from importlib import import_module
from types import ModuleType
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from methods.errors import UserError, one_of

T = TypeVar("T")


def names(base: type) -> list[str]:
    """Return the names of the modules beside `base`'s own; `_private` modules hold no plug-in."""
    package = import_module(base.__module__.rpartition(".")[0])
    found = (module.name for module in pkgutil.iter_modules(package.__path__))
    return sorted(name for name in found if name != "base" and not name.startswith("_"))


def build(base: type[T], name: str, settings: Mapping[str, Any]) -> T:
    """Build the subclass of `base` that module `name` defines, from checked settings.

    `name` is a file beside `base` (`rise`) or a dotted path into another package
    (`my_package.my_explainer`).

    Raises:
        UserError: unknown name, unknown setting, or a setting of the wrong type or range.
    """
    return validated(find(base, name), settings, f"{base.__name__.lower()} '{name}'")


def find(base: type[T], name: str) -> type[T]:
    """Return the class that module `name` defines for `base`."""
    kind = base.__name__.lower()
    if "." in name:
        module = _import_foreign(kind, name)
    elif name in names(base):
        module = import_module(f"{base.__module__.rpartition('.')[0]}.{name}")
    else:
        raise one_of(kind, name, names(base))
    own = [
        member
        for _, member in inspect.getmembers(module, inspect.isclass)
        if issubclass(member, base) and member.__module__ == module.__name__
    ]
    concrete = [member for member in own if not inspect.isabstract(member)]
    if len(concrete) != 1:
        raise UserError(f"module '{module.__name__}' must define exactly one {kind}, found {len(concrete)}")
    return concrete[0]


def validated(cls: type[T], settings: Mapping[str, Any], what: str) -> T:
    """Build dataclass `cls` from `settings`, turning every mistake into a `UserError`."""
    if not isinstance(settings, Mapping):
        raise UserError(f"{what}: settings must be a mapping of names to values (got {settings!r})")
    if not is_dataclass(cls):
        where = f"class {cls.__name__} in {cls.__module__.replace('.', '/')}.py"
        raise UserError(f"{what}: {where} is not a dataclass: decorate it with @dataclass(frozen=True)")
    known = [field.name for field in fields(cls) if field.init]  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise one_of(f"setting of {what}", str(key), known)
    try:
        return TypeAdapter(cls).validate_python(dict(settings))
    except ValidationError as error:
        found = max(error.errors(), key=lambda one: len(one["loc"]))  # of a union, the alternative that was meant
        missing = found["type"] == "missing"
        keys = _keys(found["loc"], settings) + ([str(found["loc"][-1])] if missing else [])
        got = "" if missing else f" (got {found['input']!r})"
        reason = found["msg"].removeprefix("Value error, ")
        raise UserError(f"{what}: {'.'.join(keys) or 'settings'}: {reason}{got}") from None


def _keys(location: Sequence[int | str], settings: Any) -> list[str]:
    """Return the keys on the way to a setting, without the types of a union that pydantic puts between them."""
    keys = []
    for part in location:
        try:
            settings = settings[part]
        except (LookupError, TypeError):
            continue
        keys.append(str(part))
    return keys


def _import_foreign(kind: str, name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(f"{kind} '{name}' cannot be imported ({error}): install the package it is in") from None
