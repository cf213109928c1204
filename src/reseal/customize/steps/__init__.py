"""What each step is: declared by subject, and done by the modules above."""

from reseal.customize.step import Step
from reseal.declaration import declared

#: All steps by id, in the order in which they are shown.
STEPS: dict[str, Step] = {one.id: one for one in declared(__name__, Step)}
