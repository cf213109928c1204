"""The operations on an image, one file each: a typed request, the changes it stages, and its record.

    run("image.qcow2", Generalize(GeneralizeRequest(unattend="unattend.xml")), Writing(dry_run=True))

The modules are light: they load the engines when an operation runs, so that a command line can take
its options from them. `reseal.operations.operation` says what all operations have in common.
"""

from reseal.operations.boot import Boot, BootRequest
from reseal.operations.customize import Customize, CustomizeRequest
from reseal.operations.generalize import Generalize, GeneralizeRequest
from reseal.operations.operation import Opening, Writing, run
from reseal.operations.sid import ChangeSid, SidRequest
from reseal.operations.specialize import Specialize, SpecializeRequest
from reseal.operations.unattend import ApplyUnattend, UnattendRequest

__all__ = [
    "ApplyUnattend",
    "Boot",
    "BootRequest",
    "ChangeSid",
    "Customize",
    "CustomizeRequest",
    "Generalize",
    "GeneralizeRequest",
    "Opening",
    "SidRequest",
    "Specialize",
    "SpecializeRequest",
    "UnattendRequest",
    "Writing",
    "run",
]
