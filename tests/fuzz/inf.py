"""Coverage-guided fuzzing of driver packages: `python -m tests.fuzz.inf [options]`.

The input is an INF file. Whatever it holds, it is read or refused with an InfError, and so are the
entries that a driver database gets from it. Arguments go to libFuzzer, such as `-max_total_time=60`.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["reseal.drivers"]):
    from reseal.drivers.database import critical_devices, driver_database
    from reseal.drivers.inf import Inf, InfError
    from reseal.drivers.model import is_name
    from reseal.drivers.package import Package
    from reseal.drivers.registering import RefusalError, plan
    from reseal.drivers.target import Target
    from reseal.testing.drivers import VIOSCSI, VIOSTOR, inf
    from tests.conftest import CORPUS
    from tests.drivers.stamped import stamped

SMALL = b"""[Version]
Signature="$Windows NT$"
[Manufacturer]
%m%=M,NTamd64,NTx86
[M.NTamd64]
%d%=i,PCI\\A,PCI\\B
[i.NT]
Include=other.inf
Needs=i.NT
AddReg=r
CopyFiles=@x.sys
[r]
HKR,"a\\b",v,0x10008,x,"y"
[Strings]
m="%d%"
[Strings.0407]
d="\xfc"
"""
TARGETS = (Target("amd64", 10, 0, 22631), Target("x86", 6, 1, 7601))


def fuzz(data: bytes) -> None:
    """One input; it includes itself, too."""
    with contextlib.suppress(InfError):
        read = Inf(data)
        for target in TARGETS:
            package = Package(read, target, lambda _: Inf(data, name="other"))
            named = list(package.configurations.values())
            _ = package.version_record, package.fit, package.catalog, package.class_guid
            for one in driver_database(package, "x.inf", "x.inf_1", named):
                # What a registry path would take for a level of its own.
                assert "\\\\" not in one.path, one.path
                assert isinstance(one.data, bytes)
            for _identifier, entries in critical_devices(package, named):
                assert all(entry.path.count("\\") == 0 for entry in entries)
            with contextlib.suppress(RefusalError):
                wanted = plan(package)
                for path in wanted.files.values() if wanted else ():
                    assert ".." not in path.split("\\")
            for name in named:
                list(package.copied(name.name))
            for path in package.files.values():
                assert all(map(is_name, path.split("\\"))), path


def seeds() -> list[bytes]:
    """Inputs to begin with."""
    found = [
        inf("viostor", VIOSTOR).encode(),
        inf("vioscsi", VIOSCSI, directory=13).encode("utf-16"),
        SMALL,
    ]
    for name in ("viostor", "vioscsi"):
        path = CORPUS / "inf" / "kvm-guest-drivers-windows" / name / f"{name}.inx"
        if path.is_file():
            found.append(stamped(path))
    return found


def main() -> None:
    """Run it."""
    with tempfile.TemporaryDirectory() as folder:
        for number, seed in enumerate(seeds()):
            (Path(folder) / f"{number}").write_bytes(seed)
        arguments = [sys.argv[0], "-rss_limit_mb=2048", "-timeout=10", *sys.argv[1:], folder]
        atheris.Setup(arguments, fuzz)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
