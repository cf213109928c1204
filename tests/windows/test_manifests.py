"""Components of an image, by the names of the manifests in its store."""

from __future__ import annotations

from reseal.testing.machine import Machine
from reseal.windows import manifests
from tests.builders import session

#: Names of component stores, as paths in hives of Windows 7 and 10 have them.
SEEN = (
    "amd64_microsoft-windows-servicingstack_31bf3856ad364e35_10.0.19041.1220_none_7e21bc567c7ed16b",
    "x86_microsoft-windows-p..g-xpsdocumentwriter_31bf3856ad364e35_6.1.7601.17514_none_24e008d5c14862bc",
    "x86_microsoft-windows-eudc-settings_31bf3856ad364e35_6.1.7601.17514_none_5c2f2db5367a1410",
)


def store(names: list[str]) -> Machine:
    files = {f"{name}.manifest": b"" for name in names}
    return Machine(files={"Windows": {"WinSxS": {"Manifests": files}}})


def test_the_components_of_a_store() -> None:
    more = [f"amd64_c{n}_31bf3856ad364e35_10.0.1.1_none_0123456789abcdef" for n in range(1000)]
    found = manifests.components(session(store([*SEEN, *more])).installation)
    assert found is not None
    assert len(found) == 1003
    assert found >= {
        "amd64_microsoft-windows-servicingstack",
        "x86_microsoft-windows-p..g-xpsdocumentwriter",
        "x86_microsoft-windows-eudc-settings",
    }


def test_no_store_and_half_a_store_say_nothing() -> None:
    assert manifests.components(session(store(list(SEEN))).installation) is None
    bare = Machine(files={"Windows": {"WinSxS": None}})
    assert manifests.components(session(bare).installation) is None
