"""The changes of a run as text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from reseal.operations.record import ChangeRecord
from reseal.report.outcome import plural, some

_NAMES = 5


def listed(changes: list[ChangeRecord]) -> Iterator[str]:
    """Yield every change with the previous value."""
    for one in changes:
        yield f"  {one['provider']}: {one['kind'].replace('_', ' ')} {one['target']}"
        yield f"      {_state(one['before'])} → {_state(one['after'])} ({one['mark']})"


def counted(changes: list[ChangeRecord], by: str, *, verbose: bool = False) -> str:
    """Return how many changes there are, and how many of each provider or step.

    Args:
        changes: of a run.
        by: what made them, such as `provider`.
        verbose: whether every provider or step is named.
    """
    counts = Counter(one["provider"] for one in changes)
    names = [f"{name} {count}" for name, count in counts.most_common()]
    shown = ", ".join(names) if verbose else some(names, _NAMES)
    return f"{plural(len(changes), 'change')} by {plural(len(counts), by)}: {shown}."


def _state(value: object) -> str:
    """Describe a value or file before or after a change, on one line."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return " ".join(map(str, value.values()))
    return str(value)
