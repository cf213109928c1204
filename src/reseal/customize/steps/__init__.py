"""The declarations of the steps, by subject; the modules above do the work."""

from reseal.customize.step import Step
from reseal.declaration import declared

#: All steps by id, in the order in which they are shown.
STEPS: dict[str, Step] = {one.id: one for one in declared(__name__, Step)}
