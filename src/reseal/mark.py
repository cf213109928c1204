"""How a fact about Windows is known."""

from enum import StrEnum


class Mark(StrEnum):
    """How a fact about Windows is known."""

    DOCUMENTED = "documented"
    SEEN = "seen"
    REPORTED = "reported"
    INFERRED = "inferred"
