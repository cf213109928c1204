"""Azure: a fixed VHD."""

from __future__ import annotations

from reseal.destinations.declaration import destination
from reseal.mark import Mark


@destination(
    "azure",
    mark=Mark.DOCUMENTED,
    source="Microsoft, Prepare a Windows VHD or VHDX to upload to Azure; Azure support for generation 2 VMs",
    suffixes={".vhd": "vhd"},
    create={"subformat": "fixed", "force_size": "on"},
    unit=1 << 20,
    limit=2040 << 30,
    then="Azure takes {output} for a virtual machine of generation {generation}: upload it as a page blob or "
    "with `az disk create --for-upload`, and set `--hyper-v-generation V{generation}`.",
)
def azure() -> None:
    """A fixed VHD whose size is a whole number of MiB, for a managed disk of Azure.

    Azure takes only fixed VHDs, and only sizes that are a multiple of 1 MiB. A larger disk gets its second
    partition table at its new end. Disks of UEFI machines are of generation 2, others of generation 1.
    """
