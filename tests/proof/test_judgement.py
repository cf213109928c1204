"""What hits are taken for, and how sure that is."""

from __future__ import annotations

import pytest

from reseal.proof.hits import Hit, Place
from reseal.proof.identity import Kind
from reseal.proof.judgement import _RULES, Context, Verdict, judge
from reseal.session import Mark


def test_that_descriptors_are_replaced_at_the_first_boot_is_inferred() -> None:
    """One report names a second flag for the files of the volume, which is not set."""
    (one,) = [each for each in _RULES if "security descriptors of the volume" in each.reason]
    assert one.verdict is Verdict.REPLACED
    assert one.mark is Mark.INFERRED
    assert "not confirmed" in one.reason


_APP = r"HKU\S-1-5-21-1-2-3-1001_Classes\AppModel\SystemAppData\Contoso_8wekyb3d8bbwe"


@pytest.mark.parametrize(
    ("kind", "key", "verdict"),
    [
        (
            Kind.NAME,
            rf"{_APP}\PersistedStorageItemTable\ManagedByApp\Form_5ED1\\Link",
            Verdict.HARMLESS,
        ),
        (
            Kind.NAME,
            rf"{_APP}\persistedstorageitemtable\System\07ee.Request.0\\link",
            Verdict.HARMLESS,
        ),
        (
            Kind.MAC,
            rf"{_APP}\PersistedStorageItemTable\MostRecentlyUsed\{{1-2}}\\Link",
            Verdict.HARMLESS,
        ),
        (Kind.SID, rf"{_APP}\PersistedStorageItemTable\System\1\\Link", Verdict.LEFT_BEHIND),
        (Kind.NAME, rf"{_APP}\PersistedStorageItemTable\System\1\\Metadata", Verdict.LEFT_BEHIND),
        (Kind.NAME, rf"{_APP}\HAM\\Link", Verdict.LEFT_BEHIND),
    ],
)
def test_a_shortcut_that_a_store_app_keeps_is_one_wherever_it_is_kept(
    kind: Kind, key: str, verdict: Verdict
) -> None:
    hit = Hit(kind, "PC", "text", Place.VALUE, r"Users\A\UsrClass.dat", key)
    assert judge(hit, Context(new_sid_pending=False, hives=frozenset())).verdict is verdict


@pytest.mark.parametrize(
    ("value", "replaced"), [("S-1-5-21-1-2-3", True), ("S-1-5-21-7-8-9", False)]
)
@pytest.mark.parametrize(
    "path", [r"Windows\System32\config\SAM", "$Secure:$SDS", r"D:\Users\X\a.txt"]
)
def test_the_first_boot_replaces_no_other_sid_than_the_current_one(
    path: str, value: str, *, replaced: bool
) -> None:
    """After `--sid both` setupcl.exe looks for the fresh SID; what still has the old one keeps it."""
    place = Place.VALUE if path.endswith("SAM") else Place.CONTENT
    hit = Hit(Kind.SID, value, "binary", place, path, "")
    context = Context(
        new_sid_pending=True, hives=frozenset({path.lower()}), current_sid="S-1-5-21-1-2-3"
    )
    left = judge(hit, context).verdict is Verdict.LEFT_BEHIND
    assert left is not replaced
