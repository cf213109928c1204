"""Every provider: reseal's own, and those of packages with entry points in `reseal.providers`."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import entry_points

from reseal.declaration import declared
from reseal.errors import UsageError
from reseal.providers.declaration import Provider

#: The group of entry points; each names one `Provider`.
GROUP = "reseal.providers"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


@cache
def own() -> tuple[Provider, ...]:
    """Return reseal's own providers, in the order in which those without an entry point run."""
    return declared("reseal.providers", Provider)


@cache
def plugins() -> tuple[Provider, ...]:
    """Return the providers of installed packages, by id.

    Raises:
        UsageError: a package's provider can't be used. It is not skipped, because the image would then
            be less generalized than its installer expects.
    """
    known = {one.id for one in own()}
    found: dict[str, Provider] = {}
    for entry in entry_points(group=GROUP):
        package = entry.dist.name if entry.dist else "a package without a name"
        try:
            one = entry.load()
        except Exception as error:  # whatever foreign code raises
            raise _unusable(entry.value, package, f"loading it failed with {error!r}") from error
        if not isinstance(one, Provider):
            raise _unusable(
                entry.value, package, "it was not declared with reseal.providers.provider"
            )
        if not _ID.fullmatch(one.id):
            raise _unusable(entry.value, package, f"{one.id!r} is not an id (lower case, hyphens)")
        if one.id in known or one.id in found:
            raise _unusable(entry.value, package, f"the id {one.id} is taken")
        found[one.id] = one
    return tuple(found[name] for name in sorted(found))


def every() -> tuple[Provider, ...]:
    """Return every provider, reseal's own first, in the order in which they run."""
    return (*own(), *plugins())


def _unusable(name: str, package: str, why: str) -> UsageError:
    return UsageError(
        f"The provider {name} of the package {package} can't be used: {why}. Nothing was changed.",
        f"Repair the package, or uninstall it (pip uninstall {package}).",
    )
