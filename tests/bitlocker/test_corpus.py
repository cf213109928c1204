"""Volumes that Windows encrypted, published by cryptsetup with their keys and what they hold."""

from __future__ import annotations

import configparser
import hashlib
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from reseal.bitlocker import Key, LockedError, MetadataError, OpenVolume, keys, metadata
from reseal.bitlocker.decrypt import decrypt
from reseal.disk import FileDevice, Slice
from tests.bitlocker import judges

pytestmark = pytest.mark.corpus

#: Their maps were cut out of the archive, so it is unknown which parts are encrypted.
WITHOUT_MAP = ("bitlk-aes-xts-128-eow", "bitlk-partially-encrypted-aes-cbc-128")
NAMES = (
    *("aes-cbc-128", "aes-cbc-128-4k", "aes-cbc-256", "aes-cbc-elephant-128"),
    *("aes-cbc-elephant-256", "aes-xts-128", "aes-xts-128-4k", "aes-xts-128-clearkey-only"),
    *("aes-xts-128-crc", "aes-xts-128-first-recovery", "aes-xts-128-new-entry"),
    *("aes-xts-128-smart-card", "aes-xts-128-startup-key", "aes-xts-128-startup-key-win11"),
    *("aes-xts-128-two-recovery", "aes-xts-128-unicode", "aes-xts-256", "togo-aes-cbc-128"),
    "togo-aes-xts-128",
)
CIPHERS = {
    ("cbc-eboiv", 128): "AES-CBC 128-bit",
    ("cbc-eboiv", 256): "AES-CBC 256-bit",
    ("cbc-elephant", 256): "AES-CBC 128-bit with Elephant diffuser",
    ("cbc-elephant", 512): "AES-CBC 256-bit with Elephant diffuser",
    ("xts-plain64", 256): "AES-XTS 128-bit",
    ("xts-plain64", 512): "AES-XTS 256-bit",
}
PROTECTIONS = {
    "passphrase": "password",
    "recovery passphrase": "recovery key",
    "startup key": "startup key",
    "clear key": "clear key",
    "smart card": "smart card",
}


@pytest.fixture(scope="session")
def published(corpus: Path) -> Path:
    archive = corpus / "bitlocker" / "bitlk-images.tar.xz"
    if not archive.exists():
        pytest.skip("the archive of volumes is not at hand")
    return archive


@pytest.fixture(scope="session")
def about(published: Path) -> Mapping[str, Mapping[str, str]]:
    parser = configparser.ConfigParser()
    with tarfile.open(published) as archive:
        content = archive.extractfile("bitlk-images/images.conf")
        assert content is not None
        parser.read_string(content.read().decode())
    return parser


@contextmanager
def image(published: Path, name: str, folder: Path) -> Iterator[Path]:
    """Take one image out of the archive, and delete it afterwards: all have 2 GiB together."""
    file = folder / f"{name}.img"
    with tarfile.open(published) as archive:
        content = archive.extractfile(f"bitlk-images/{name}.img")
        assert content is not None
        with file.open("wb") as target:
            while piece := content.read(1 << 20):
                target.seek(len(piece), 1) if not any(piece) else target.write(piece)
            target.truncate()
    yield file
    file.unlink()


def given(published: Path, about: Mapping[str, str]) -> list[list[Key]]:
    """Every way into an image that is published with it."""
    ways: list[list[Key]] = []
    if about.get("PW"):
        ways.append([keys.password(about["PW"])])
    ways += [[keys.recovery_key(about[one])] for one in ("RP", "RP2") if about.get(one)]
    if about.get("SK_VMK_GUID"):
        with tarfile.open(published) as archive:
            file = archive.extractfile(f"bitlk-images/{about['SK_VMK_GUID'].upper()}.BEK")
            assert file is not None
            ways.append([keys.startup_key(file.read())])
    return ways or [[]]


@pytest.mark.parametrize("name", NAMES)
def test_each_way_in_shows_what_was_published(
    published: Path, about: Mapping[str, Mapping[str, str]], name: str, tmp_path: Path
) -> None:
    facts = about[f"bitlk-{name}"]
    with image(published, f"bitlk-{name}", tmp_path) as file:
        for way in given(published, facts):
            device = FileDevice(file)
            volume = OpenVolume.open(device, way, name)
            digest = hashlib.sha256()
            for offset in range(0, volume.size, 1 << 20):
                digest.update(volume.read(offset, min(1 << 20, volume.size - offset)))
            assert digest.hexdigest() == facts["SHA256SUM"], way
            device.close()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_what_was_published(
    published: Path, about: Mapping[str, Mapping[str, str]], name: str, tmp_path: Path
) -> None:
    facts = about[f"bitlk-{name}"]
    with image(published, f"bitlk-{name}", tmp_path) as file:
        device = FileDevice(file, read_only=False)
        part = Slice(device, 0, device.size)
        decrypt(OpenVolume.open(part, given(published, facts)[0], name), part, sparse=False)
        device.close()
        content = file.read_bytes()
        assert hashlib.sha256(content).hexdigest() == facts["SHA256SUM"]
        assert b"-FVE-FS-" not in content


@pytest.mark.parametrize("name", NAMES)
def test_the_judges_agree_on_the_metadata(
    published: Path, about: Mapping[str, Mapping[str, str]], name: str, tmp_path: Path
) -> None:
    facts = about[f"bitlk-{name}"]
    with image(published, f"bitlk-{name}", tmp_path) as file:
        header, (first, *_) = metadata.read(FileDevice(file), name)
        cryptsetup, dissect = judges.cryptsetup(file), judges.dissect_metadata(file)
    assert str(first.id) == facts["GUID"] == cryptsetup["id"] == dissect["id"]
    assert first.description == dissect["description"]
    if name != "aes-xts-128-crc":  # cryptsetup reads the damaged copy
        assert first.description == cryptsetup["description"]
    assert first.cipher == CIPHERS[cryptsetup["cipher"]]
    assert first.method == dissect["method"]
    assert header.sector_size == cryptsetup["sector"]
    assert (*first.copies, first.virtual[0]) == tuple(cryptsetup["places"])
    assert list(first.copies) == dissect["metadata"]
    assert first.virtual == (dissect["header"], cryptsetup["header_size"])
    ours = {str(one.id): one.name for one in first.protectors}
    assert ours == {one: PROTECTIONS[kind] for one, kind in cryptsetup["protectors"].items()}
    assert sorted(ours) == dissect["protectors"]
    for key, kind in (
        *(("PW_VMK_GUID", "password"), ("RP_VMK_GUID", "recovery key")),
        *(("SK_VMK_GUID", "startup key"), ("CLEARKEY_VMK_GUID", "clear key")),
    ):
        if facts.get(key):
            assert ours[facts[key]] == kind


def test_damaged_copies_are_counted(published: Path, tmp_path: Path) -> None:
    with image(published, "bitlk-aes-xts-128-crc", tmp_path) as file:
        _, copies = metadata.read(FileDevice(file), "volume")
    assert [one.damaged_copies for one in copies] == [2]


@pytest.mark.parametrize("name", WITHOUT_MAP)
def test_volumes_whose_map_is_missing_say_so(
    published: Path, about: Mapping[str, Mapping[str, str]], name: str, tmp_path: Path
) -> None:
    with image(published, name, tmp_path) as file:
        for way in given(published, about[name]):
            with pytest.raises(MetadataError, match='"encrypted on write", and no copy of the map'):
                OpenVolume.open(FileDevice(file), way, name)


def test_without_a_key_the_ways_in_are_named(published: Path, tmp_path: Path) -> None:
    with (
        image(published, "bitlk-aes-xts-128-smart-card", tmp_path) as file,
        pytest.raises(LockedError, match="with: recovery key, smart card"),
    ):
        OpenVolume.open(FileDevice(file), [], "volume")
