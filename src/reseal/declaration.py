"""What reseal can do: how it is declared, and how declarations are found.

A provider, a check, a step of customizing and a rule for answer files are declared alike: a decorator
gives an id, a title, and how it is known that Windows wants this; the docstring below is the
documentation. The command line, the record and the reference are made of these declarations.

A module that declares is light: to list what there is loads no engine. Work that needs one is in another
module, which the declaration names.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from inspect import cleandoc
from pkgutil import iter_modules, resolve_name
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reseal.mark import Mark

#: What does it, or where that is: `package.module:name`.
Work: TypeAlias = "Callable[..., Any] | str"

#: The place of a declaration whose place among the others does not matter.
ANYWHERE = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One thing that reseal can do.

    Attributes:
        id: its name on the command line and in the report.
        title: one line.
        about: the documentation, as it stands in the source.
        mark: how it is known what Windows wants here.
        source: where that is written.
        work: what does it.
        order: its place among those of its kind: lower ones come first, equal ones in the order of
            their modules' names.
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
        """What does it; its module is loaded now, if it is another one."""
        work: Callable[..., Any] = (
            resolve_name(self.work) if isinstance(self.work, str) else self.work
        )
        return work


_Declared = TypeVar("_Declared", bound=Declaration)


def declares(
    kind: type[_Declared], *, work: str | None, **attributes: Any
) -> Callable[[Callable[..., Any]], _Declared]:
    """Return a decorator that makes a declaration of a function.

    Args:
        kind: the class of the declaration.
        work: where the work is, if the function has a docstring and nothing else.
        attributes: what else is declared; the title, if it is not the first line of the docstring.
    """

    def declare(function: Callable[..., Any]) -> _Declared:
        about = function.__doc__ or ""
        title = about.partition("\n")[0]
        return kind(**{"title": title, "about": about, "work": work or function, **attributes})

    return declare


def declared(package: str, kind: type[_Declared]) -> tuple[_Declared, ...]:
    """Return all that the modules of a package declare, in order; a table of them is a tuple."""
    found: dict[str, _Declared] = {}
    for module in iter_modules(import_module(package).__path__, f"{package}."):
        for one in _in_module(module.name, kind):
            if found.setdefault(one.id, one) is not one:
                msg = f"{module.name} declares {one.id}, which is declared elsewhere."
                raise ValueError(msg)
    return tuple(sorted(found.values(), key=lambda one: one.order))


def _in_module(name: str, kind: type[_Declared]) -> Iterator[_Declared]:
    for value in tuple(vars(import_module(name)).values()):
        for one in value if isinstance(value, tuple) else (value,):
            if isinstance(one, kind):
                yield one
