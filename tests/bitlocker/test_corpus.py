"""Volumes that Windows encrypted, published by cryptsetup with their keys and what they hold."""

from __future__ import annotations

import configparser
import hashlib
import subprocess
import tarfile
from collections.abc import Mapping
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
#: Of these, each method, size of sectors and kind of header. The others differ in what opens them.
METHODS = {
    *("aes-cbc-128", "aes-cbc-128-4k", "aes-cbc-256", "aes-cbc-elephant-128"),
    *("aes-cbc-elephant-256", "aes-xts-128-4k", "aes-xts-128-crc", "aes-xts-256"),
    *("togo-aes-cbc-128", "togo-aes-xts-128"),
}
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
def images(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images, sparse: they hold little. The archive can only be read from its beginning."""
    folder = tmp_path_factory.mktemp("bitlk")
    with tarfile.open(published) as archive:
        for member in archive:
            if (content := archive.extractfile(member)) is None:
                continue
            with (folder / Path(member.name).name).open("wb") as target:
                while piece := content.read(1 << 16):
                    target.seek(len(piece), 1) if piece.count(0) == len(piece) else target.write(
                        piece
                    )
                target.truncate()
    return folder


@pytest.fixture(scope="session")
def about(images: Path) -> Mapping[str, Mapping[str, str]]:
    parser = configparser.ConfigParser()
    parser.read(images / "images.conf")
    return parser


def given(images: Path, about: Mapping[str, str]) -> list[list[Key]]:
    """Every way into an image that is published with it."""
    ways: list[list[Key]] = []
    if about.get("PW"):
        ways.append([keys.password(about["PW"])])
    ways += [[keys.recovery_key(about[one])] for one in ("RP", "RP2") if about.get(one)]
    if about.get("SK_VMK_GUID"):
        file = images / f"{about['SK_VMK_GUID'].upper()}.BEK"
        ways.append([keys.startup_key(file.read_bytes())])
    return ways or [[]]


@pytest.mark.parametrize("name", NAMES)
def test_each_way_in_shows_what_was_published(
    images: Path, about: Mapping[str, Mapping[str, str]], name: str
) -> None:
    facts = about[f"bitlk-{name}"]
    device = FileDevice(images / f"bitlk-{name}.img")
    first, *others = (OpenVolume.open(device, way, name) for way in given(images, facts))
    digest = hashlib.sha256()
    for offset in range(0, first.size, 1 << 20):
        digest.update(first.read(offset, min(1 << 20, first.size - offset)))
    assert digest.hexdigest() == facts["SHA256SUM"]
    # Every way leads to the same key.
    for other in others:
        for offset in range(0, first.size, 16 << 20):
            assert other.read(offset, 1 << 16) == first.read(offset, 1 << 16)
    device.close()


@pytest.mark.parametrize(
    "name",
    [pytest.param(one, marks=() if one in METHODS else pytest.mark.judges) for one in NAMES],
)
def test_what_is_written_is_what_was_published(
    images: Path, about: Mapping[str, Mapping[str, str]], name: str, tmp_path: Path
) -> None:
    facts = about[f"bitlk-{name}"]
    file = tmp_path / "image"
    subprocess.run(["cp", "--sparse=always", images / f"bitlk-{name}.img", file], check=True)
    device = FileDevice(file, read_only=False)
    part = Slice(device, 0, device.size)
    decrypt(OpenVolume.open(part, given(images, facts)[0], name), part, sparse=False)
    device.close()
    content = file.read_bytes()
    file.unlink()
    assert hashlib.sha256(content).hexdigest() == facts["SHA256SUM"]
    assert b"-FVE-FS-" not in content


@pytest.mark.parametrize("name", NAMES)
def test_the_judges_agree_on_the_metadata(
    images: Path, about: Mapping[str, Mapping[str, str]], name: str
) -> None:
    facts, file = about[f"bitlk-{name}"], images / f"bitlk-{name}.img"
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


def test_damaged_copies_are_counted(images: Path) -> None:
    _, copies = metadata.read(FileDevice(images / "bitlk-aes-xts-128-crc.img"), "volume")
    assert [one.damaged_copies for one in copies] == [2]


@pytest.mark.parametrize("name", WITHOUT_MAP)
def test_volumes_whose_map_is_missing_say_so(
    images: Path, about: Mapping[str, Mapping[str, str]], name: str
) -> None:
    for way in given(images, about[name]):
        with pytest.raises(MetadataError, match='"encrypted on write", and no copy of the map'):
            OpenVolume.open(FileDevice(images / f"{name}.img"), way, name)


def test_without_a_key_the_ways_in_are_named(images: Path) -> None:
    device = FileDevice(images / "bitlk-aes-xts-128-smart-card.img")
    with pytest.raises(LockedError, match="with: recovery key, smart card"):
        OpenVolume.open(device, [], "volume")
