from pathlib import Path

from reseal.ntfs import shadow_copies
from tests.ntfs.conftest import opened, writable
from tests.ntfs.judges import judge, run


def test_vshadowinfo_finds_no_store_after_discarding(vss_volume: Path) -> None:
    before = run("vshadowinfo", vss_volume).stdout
    assert "Number of stores:\t2" in before
    with writable(vss_volume) as volume:
        assert shadow_copies.catalogue(volume) == 115_539_968
        deleted = shadow_copies.discard(volume)
        assert len(deleted) == 3
        assert volume.deleted == 3
        assert volume.bytes_written < 1 << 20
    after = run("vshadowinfo", vss_volume)
    assert after.returncode == 0
    assert "Store" not in after.stdout
    judge(vss_volume)
    with opened(vss_volume) as volume:
        assert shadow_copies.catalogue(volume) == 0
        assert shadow_copies.stores(volume) == []
        assert len(volume.read("password.txt")) == 116


def test_a_volume_without_shadow_copies_is_left_alone(empty_volume: Path) -> None:
    before = empty_volume.read_bytes()
    with writable(empty_volume) as volume:
        assert shadow_copies.catalogue(volume) == 0
        assert shadow_copies.discard(volume) == []
    assert empty_volume.read_bytes() == before
