"""Which providers a run uses."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from reseal.errors import UsageError
from reseal.providers import Provider
from reseal.providers.plugins import every

_LIST = "`reseal providers` lists them all."


def select(enable: Iterable[str] = (), disable: Iterable[str] = ()) -> tuple[Provider, ...]:
    """Return the providers that run: the defaults, plus the enabled and minus the disabled ones.

    Args:
        enable: ids of providers that do not run by default.
        disable: ids of providers that must not run.

    Raises:
        UsageError: an id is unknown, or both enabled and disabled.
    """
    wanted, unwanted = set(enable), set(disable)
    _known(wanted | unwanted)
    both = sorted(wanted & unwanted)
    if both:
        msg = f"{', '.join(both)} can't be enabled and disabled at once."
        raise UsageError(msg, "Remove one of the two options.")
    return tuple(
        one for one in every() if (one.default or one.id in wanted) and one.id not in unwanted
    )


def named(names: Iterable[str]) -> tuple[Provider, ...]:
    """Return the providers of these names, in the order in which they run.

    Raises:
        UsageError: a name is unknown.
    """
    wanted = set(names)
    _known(wanted)
    return tuple(one for one in every() if one.id in wanted)


def _known(names: set[str]) -> None:
    known = {one.id for one in every()}
    for name in sorted(names - known):
        near = difflib.get_close_matches(name.lower(), known, cutoff=0.5)
        hint = f"Did you mean {' or '.join(near)}? {_LIST}" if near else _LIST
        raise UsageError(f"{name} is not a known provider.", hint)
