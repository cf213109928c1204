"""Declarations of providers, checks, customize steps and answer-file rules.

All four are declared in the same way: a decorator gives the id, the title and the evidence for the Windows
behaviour, and the docstring is the documentation. The command line, the record and the reference are
generated from these declarations.

Modules with declarations are light, so that listing them does not load engines. Work that needs an engine
is in another module, which the declaration refers to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from inspect import cleandoc
from pkgutil import iter_modules, resolve_name
from typing import Any, TypeAlias, TypeVar

from reseal.mark import Mark

#: The function that does the work, or its location: `package.module:name`.
Work: TypeAlias = "Callable[..., Any] | str"

#: The order of a declaration whose order does not matter.
ANYWHERE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """A declared provider, check, step or rule.

    Attributes:
        id: its name on the command line and in the report.
        title: one line.
        about: the documentation, as in the source.
        mark: the kind of evidence for the Windows behaviour.
        source: the source of the evidence.
        work: the function that does the work.
        order: its position among its kind: lower first, equal ones by module name.
    """

    id: str
    title: str
    about: str
    mark: Mark
    source: str
    work: Work
    order: int = ANYWHERE

    @property
    def description(self) -> str:
        """The documentation."""
        return cleandoc(self.about)

    @property
    def run(self) -> Callable[..., Any]:
        """The function that does the work. This loads its module."""
        work: Callable[..., Any] = (
            resolve_name(self.work) if isinstance(self.work, str) else self.work
        )
        return work


_Declared = TypeVar("_Declared", bound=Declaration)


def declares(
    kind: type[_Declared], *, work: str | None, **attributes: Any
) -> Callable[[Callable[..., Any]], _Declared]:
    """Return a decorator that turns a function into a declaration.

    Args:
        kind: the class of the declaration.
        work: location of the work, if the function has only a docstring.
        attributes: further attributes; the title, if it is not the first line of the docstring.
    """

    def declare(function: Callable[..., Any]) -> _Declared:
        about = function.__doc__ or ""
        title = about.partition("\n")[0]
        return kind(**{"title": title, "about": about, "work": work or function, **attributes})

    return declare


def declared(package: str, kind: type[_Declared]) -> tuple[_Declared, ...]:
    """Return all declarations in the modules of a package, in order, also those in tuples."""
    found: dict[str, _Declared] = {}
    for module in iter_modules(import_module(package).__path__, f"{package}."):
        for one in _in_module(module.name, kind):
            if found.setdefault(one.id, one) is not one:
                msg = f"{module.name} declares {one.id}, which another module declares too."
                raise ValueError(msg)
    return tuple(sorted(found.values(), key=lambda one: one.order))


def _in_module(name: str, kind: type[_Declared]) -> Iterator[_Declared]:
    for value in tuple(vars(import_module(name)).values()):
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, kind):
                yield one
