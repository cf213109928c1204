"""The offline causes in the public repair scripts of Microsoft's support engineers.

Each is a case with a test, or has the reason why not. The scripts are in the repository
Azure/repair-script-library.
"""

from __future__ import annotations

#: Script, cause, and the cases, layouts or tests that have it; or a sentence that says why none has.
CAUSES: tuple[tuple[str, str, tuple[str, ...] | str], ...] = (
    ("win-fix-boot-partition", "no EFI system partition", ("no-esp",)),
    ("win-fix-boot-partition", "it is not formatted, or with NTFS", ("esp-not-fat", "ntfs")),
    ("win-fix-boot-partition", "the fallback loader is missing", ("no-fallback",)),
    ("win-fix-boot-partition", "two EFI system partitions", ("second-of-two",)),
    ("win-fix-boot-partition", "sector 0 without signature", ("no-signature",)),
    ("win-fix-boot-partition", "sector 0 without boot code", ("no-mbr-code",)),
    ("win-fix-boot-partition", "no active partition", ("not-active", "none-active")),
    ("win-fix-boot-partition", "several active partitions", ("two-active",)),
    ("win-fix-boot-partition", "boot sector without signature", ("boot-sector-signature",)),
    ("win-fix-boot-partition", "boot sector without code for bootmgr", ("no-boot-code",)),
    ("win-fix-boot-partition", "wrong HiddenSectors", ("hidden-sectors",)),
    ("win-fix-boot-partition", "a saved entry names another partition",
     "The entry is in the firmware's memory, not in the image."),
    ("win-fix-bcd", "bootmgfw.efi is missing", ("no-bootmgfw",)),
    ("win-fix-bcd", "the store is missing or damaged", ("no-bcd", "bad-bcd")),
    ("win-fix-bcd", "a device that the disk does not have", ("other-disk", "no-osdevice")),
    ("win-fix-bcd", "the loader of the other firmware", ("wrong-loader",)),
    ("win-fix-bcd", "systemroot is not there", ("system-root",)),
    ("win-fix-bcd", "the default is missing, or starts Setup", ("no-default", "setup-entry")),
    ("win-fix-bcd", "imcdevice", ("imcdevice",)),
    ("win-fix-inaccessible", "StartOverride", ("start-override",)),
    ("win-fix-inaccessible", "the storage stack is disabled", ("partmgr-disabled", "no-disk-service")),
    ("win-fix-inaccessible", "filters without service, file or start",
     ("filter-without-service", "filter-disabled", "filter-empty")),
    ("win-fix-inaccessible", "filters of ACPI devices",
     "They are reported as unclear: which device the target machine has is not in the image."),
    ("win-fix-inaccessible", "an Enum tree of an older Hyper-V host",
     "The newer ids are among those of the machine hyper-v-gen2; the old tree alone proves nothing."),
    ("win-fix-inaccessible", "SanPolicy 3 or 4",
     "It is reported as unclear: what it does to the startup disk is not documented."),
    ("win-fix-logon-subsystem", "SubSystems names no csrss", ("no-csrss",)),
    ("win-fix-logon-subsystem", "BootExecute", ("boot-execute",)),
    ("win-fix-logon-subsystem", "SETUPEXECUTE", ("no-setupcl",)),
    ("win-fix-logon-subsystem", "CmdLine of Setup", ("no-windeploy", "stale-command")),
    ("win-fix-logon-subsystem", "Userinit and Shell", ("no-userinit", "no-shell")),
    ("win-fix-logon-subsystem", "RpcEptMapper", ("rpc-mapper",)),
    ("win-fix-registry-corruption", "hives that can't be loaded", ("bad-system", "bad-sam")),
    ("win-fix-pending-servicing", "pending.xml", ("pending-update",)),
    ("win-fix-inaccessible", "a device filter that an upgrade left", ("device-filter",)),
    ("win-fix-pending-servicing", "SessionsPending and its like",
     "Healthy images have it; only an update in progress matters, and the checks look at that."),
    ("win-fix-catalog-store", "catalogues of boot drivers are lost", ("unsigned",)),
    ("win-fix-secure-boot", "a file of the signed chain is missing", ("no-kernel", "no-hal")),
    ("win-fix-code-integrity", "HVCI refuses a driver", ("memory-integrity",)),
    ("win-fix-code-integrity", "testsigning and nointegritychecks",
     "Secure Boot drops them and the boot goes on, so they are a note on an unsigned driver only."),
    ("win-detect-nvme-readiness", "no NVMe driver", ("no-database",)),
)  # fmt: skip
