"""Images with a Windows on an encrypted volume: read in place, decrypted to be changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from reseal.bitlocker import LockedError, keys
from reseal.errors import CheckError, ImageError, UsageError
from reseal.run import Callables, RunOptions, change, read
from reseal.run import bitlocker as run
from reseal.run.opening import Found
from reseal.session import Session
from reseal.testing.disks import BASIC_DATA
from reseal.testing.volumes import ntfs_volume
from reseal.testing.windows import windows
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import Made, Protector
from tests.bitlocker.windows import encrypted_windows
from tests.end_to_end import judges
from tests.ntfs.judges import judge

SOFTWARE = r"HKLM\SOFTWARE\Reseal"


def look(found: list[Found]) -> dict[str, Any]:
    (one,) = found
    assert one.state
    return {
        "product": one.installation.product_name,
        "encrypted": one.state.encrypted,
        "others": list(one.neighbours.encrypted_volumes),
    }


def stage(session: Session) -> dict[str, Any]:
    session.set_number(SOFTWARE, "Seen", 7)
    return {"result": "changed"}


SET = Callables(stage, lambda one: [] if one.registry.number(SOFTWARE, "Seen") == 7 else ["Seen"])


@pytest.fixture(scope="session")
def clear(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Protection is off: the key lies on the disk."""
    folder = tmp_path_factory.mktemp("clear")
    return encrypted_windows(folder / "golden.qcow2", [encryptor.tpm(), encryptor.clear()])


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory, recovery: Protector) -> Path:
    folder = tmp_path_factory.mktemp("locked")
    return encrypted_windows(folder / "golden.qcow2", [encryptor.tpm(), recovery])


@pytest.fixture(scope="session")
def recovery_key() -> tuple[keys.Key, ...]:
    return (keys.recovery_key(encryptor.RECOVERY),)


def copy(image: Path, folder: Path) -> Path:
    target = folder / image.name
    target.write_bytes(image.read_bytes())
    return target


def test_a_clear_key_lets_an_image_be_read(clear: Path) -> None:
    before = clear.read_bytes()
    record = read(clear, look)
    assert record["encrypted"] is True
    assert record["product"] == "Windows 11 Pro"
    assert clear.read_bytes() == before


def test_a_recovery_key_lets_an_image_be_read(
    locked: Path, recovery_key: tuple[keys.Key, ...]
) -> None:
    assert read(locked, look, keys=recovery_key)["product"] == "Windows 11 Pro"


def test_without_a_key_an_image_is_refused_with_its_ways_in(locked: Path) -> None:
    with pytest.raises(LockedError, match="opened with: TPM, recovery key") as error:
        read(locked, look)
    assert locked.name in error.value.message
    assert error.value.exit_code == 3


def test_a_change_of_an_encrypted_image_is_refused(clear: Path, tmp_path: Path) -> None:
    image = copy(clear, tmp_path)
    before = image.read_bytes()
    for options in (RunOptions(), RunOptions(output=tmp_path / "new.qcow2")):
        with pytest.raises(
            CheckError, match=r"BitLocker is on for volume 1.*TPM, clear key"
        ) as error:
            change(image, SET, options)
        assert "--decrypt" in str(error.value.hint)
    assert image.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [image.name]


def decrypted(image: Path, folder: Path) -> judges.Volume:
    volume = judges.Volume.of(image, folder)
    judge(volume.path)
    content = volume.path.read_bytes()
    assert b"-FVE-FS-" not in content
    assert content[3:11] == b"NTFS    "
    return volume


@pytest.mark.parametrize("thin", [False, True])
def test_a_new_image_is_decrypted_and_changed(clear: Path, tmp_path: Path, *, thin: bool) -> None:
    before = clear.read_bytes()
    output = clear.parent / f"{'thin' if thin else 'whole'}.qcow2"
    steps: list[dict[str, Any]] = []
    record = change(
        clear,
        SET,
        RunOptions(output=output, thin=thin, keys=(), decrypt=True),
        steps.append,
    )
    assert clear.read_bytes() == before
    assert record["decrypted"]["volume"] == 1
    assert record["decrypted"]["cipher"] == "AES-XTS 128-bit"
    assert {"step": "Decrypting volume 1"} in steps
    assert any(one.get("done") == one.get("total") for one in steps if "done" in one)
    assert {one["target"] for one in record["changes"]} == {
        r"HKLM\SOFTWARE\Reseal\\Seen",
        r"HKLM\SYSTEM\ControlSet001\Control\BitLockerStatus\\BootStatus",
    }
    decrypted(output, tmp_path)
    assert read(output, look)["encrypted"] is False
    output.unlink()


def test_an_image_is_decrypted_in_place(
    locked: Path, tmp_path: Path, recovery_key: tuple[keys.Key, ...]
) -> None:
    image = copy(locked, tmp_path)
    record = change(image, SET, RunOptions(keys=recovery_key, decrypt=True))
    assert record["decrypted"]["written"] > 0
    assert read(image, look)["encrypted"] is False
    folder = tmp_path / "judged"
    folder.mkdir()
    decrypted(image, folder)
    assert sorted(one.name for one in tmp_path.iterdir()) == [image.name, "judged"]


def test_free_space_stays_free(clear: Path, tmp_path: Path) -> None:
    """Decrypting what was never written would fill a thin image with noise."""
    image = copy(clear, tmp_path)
    change(image, SET, RunOptions(keys=(), decrypt=True))
    assert image.stat().st_blocks < clear.stat().st_blocks * 1.2 + 4096


def test_a_dry_run_decrypts_nothing(clear: Path, tmp_path: Path) -> None:
    image = copy(clear, tmp_path)
    before = image.read_bytes()
    record = change(image, SET, RunOptions(keys=(), decrypt=True, dry_run=True))
    assert record["decrypted"] is None
    assert len(record["changes"]) == 2
    assert image.read_bytes() == before


def test_device_encryption_is_prevented_where_that_is_asked_for(
    clear: Path, tmp_path: Path
) -> None:
    image = copy(clear, tmp_path)
    options = RunOptions(keys=(), decrypt=True, prevent_device_encryption=True)
    change(image, SET, options)

    def policy(found: list[Found]) -> dict[str, Any]:
        return {
            "policy": found[0].installation.registry.number(run.POLICY, "PreventDeviceEncryption")
        }

    assert read(image, policy)["policy"] == 1


def test_a_wrong_key_leaves_the_image_as_it_was(locked: Path, tmp_path: Path) -> None:
    image = copy(locked, tmp_path)
    before = image.read_bytes()
    wrong = (keys.recovery_key("-".join(["000011"] * 8), "recovery:file"),)
    with pytest.raises(LockedError, match="recovery:file doesn't open it"):
        change(image, SET, RunOptions(keys=wrong, decrypt=True))
    assert image.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [image.name]


def test_a_failure_after_the_decryption_leaves_the_image_as_it_was(
    clear: Path, tmp_path: Path
) -> None:
    image = copy(clear, tmp_path)
    before = image.read_bytes()
    fails = Callables(stage, lambda _: ["everything"])
    with pytest.raises(ImageError, match="it lacks everything"):
        change(image, fails, RunOptions(keys=(), decrypt=True))
    assert image.read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [image.name]


def test_space_is_checked_first(
    clear: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = copy(clear, tmp_path)
    monkeypatch.setattr(run, "_SPARE", 1 << 60)
    with pytest.raises(ImageError, match=r"decrypting .* may need") as error:
        change(image, SET, RunOptions(keys=(), decrypt=True))
    assert "--output" in str(error.value.hint)


def test_a_plain_image_needs_no_decryption(tmp_path: Path) -> None:
    image = tmp_path / "plain.qcow2"
    windows(image)
    record = change(image, SET, RunOptions(keys=(), decrypt=True))
    assert record["decrypted"] is None
    assert read(image, look)["encrypted"] is False


def test_a_folder_is_not_decrypted(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--decrypt is only for disk images"):
        change(tmp_path, SET, RunOptions(keys=(), decrypt=True))


def test_other_encrypted_volumes_stay_as_they_are_and_are_named(
    tmp_path: Path, recovery: Protector
) -> None:
    data = tmp_path / "data"
    ntfs_volume(data, 8 << 20)
    places = encryptor.make_room(data)
    encryptor.encrypt_file_from(data.read_bytes(), data, Made(), places, [recovery])
    image = encrypted_windows(
        tmp_path / "two.raw",
        [encryptor.clear()],
        others=[(data, BASIC_DATA, "Data")],
    )
    coded = data.read_bytes()
    assert read(image, look)["others"] == [2]
    change(image, SET, RunOptions(keys=(), decrypt=True))
    again = read(image, look)
    assert (again["encrypted"], again["others"]) == (False, [2])
    assert coded in image.read_bytes()


@pytest.mark.parametrize(
    "made",
    [
        Made(method=encryptor.CBC_128),
        Made(method=encryptor.ELEPHANT_256),
        Made(mark=20 << 20, state=(5, 1)),
        Made(chunks=[number % 2 == 0 for number in range(48 * 16)], state=(5, 4)),
    ],
    ids=["cbc", "elephant", "up to a mark", "on write"],
)
def test_other_kinds_of_volumes(tmp_path: Path, made: Made) -> None:
    image = encrypted_windows(
        tmp_path / "one.raw", [encryptor.clear()], made=made, used_space_only=False
    )
    change(image, SET, RunOptions(keys=(), decrypt=True))
    folder = tmp_path / "judged"
    folder.mkdir()
    decrypted(image, folder)


def test_a_volume_without_a_windows_is_decrypted(tmp_path: Path, recovery: Protector) -> None:
    image = tmp_path / "data.raw"
    ntfs_volume(image, 8 << 20)
    places = encryptor.make_room(image)
    made = Made()
    shown = encryptor.shown(image.read_bytes(), made, places)
    encryptor.encrypt_file_from(image.read_bytes(), image, made, places, [recovery])
    described = run.describe(image)
    (one,) = described["volumes"]
    assert (one["volume"], one["cipher"], one["sector_size"]) == (1, "AES-XTS 128-bit", 512)
    output = tmp_path / "plain.raw"
    options = RunOptions(output=output, keys=(keys.recovery_key(encryptor.RECOVERY),))
    record = run.decrypt(image, None, options, sparse=False)
    assert record["decrypted"]["id"] == str(encryptor.VOLUME)
    assert record["still_encrypted"] == []
    assert output.read_bytes() == shown
    judge(output)


@pytest.mark.parametrize("left", [3 << 20, 7 << 20])
def test_a_truncated_volume_stays_encrypted(tmp_path: Path, recovery: Protector, left: int) -> None:
    image = data_volume(tmp_path, recovery)
    os.truncate(image, left)
    before = image.read_bytes()
    for output in (None, tmp_path / "plain.raw"):
        options = RunOptions(output=output, keys=(keys.recovery_key(encryptor.RECOVERY),))
        with pytest.raises(ImageError, match="is truncated") as error:
            run.decrypt(image, None, options, sparse=False)
        assert error.value.message.endswith("Nothing was changed.")
        assert "Copy the image again" in str(error.value.hint)
    assert image.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["data.raw"]


def test_a_volume_with_a_damaged_file_system_is_decrypted(
    tmp_path: Path, recovery: Protector
) -> None:
    image = data_volume(tmp_path, recovery, change=(0x30, bytes(8)))
    options = RunOptions(keys=(keys.recovery_key(encryptor.RECOVERY),))
    assert run.decrypt(image, None, options, sparse=False)["decrypted"]["volume"] == 1
    assert image.read_bytes()[3:11] == b"NTFS    "


def data_volume(folder: Path, recovery: Protector, change: tuple[int, bytes] = (0, b"")) -> Path:
    """An encrypted volume without a Windows, some bytes of whose content are changed."""
    image = folder / "data.raw"
    ntfs_volume(image, 8 << 20)
    places = encryptor.make_room(image)
    content = bytearray(image.read_bytes())
    at, changed = change
    content[at : at + len(changed)] = changed
    encryptor.encrypt_file_from(bytes(content), image, Made(), places, [recovery])
    return image


def test_there_may_be_nothing_to_decrypt(tmp_path: Path, clear: Path) -> None:
    image = tmp_path / "plain.raw"
    ntfs_volume(image, 8 << 20)
    with pytest.raises(CheckError, match=r"No volume of .* is encrypted"):
        run.decrypt(image, None, RunOptions(output=tmp_path / "new.raw"), sparse=False)
    with pytest.raises(CheckError, match="doesn't encrypt volume 5"):
        run.decrypt(clear, 5, RunOptions(output=tmp_path / "new.raw"), sparse=False)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["plain.raw"]


def test_what_refuses_a_change_comes_before_the_decryption(clear: Path, tmp_path: Path) -> None:
    image = copy(clear, tmp_path)
    before = image.read_bytes()
    steps: list[dict[str, Any]] = []

    def refuse(session: Session) -> dict[str, Any]:
        raise CheckError(f"refused with {len(session.parts)} volumes")

    with pytest.raises(CheckError, match="refused with 1 volumes"):
        change(image, Callables(refuse), RunOptions(keys=(), decrypt=True), steps.append)
    assert steps == []
    assert image.read_bytes() == before


def test_descriptors_are_patched_below_the_file_system(clear: Path, tmp_path: Path) -> None:
    """They are looked at while the volume is encrypted, and written when it is plain."""
    image = copy(clear, tmp_path)
    done = judges.reseal("sid", image, "--new", "--yes", "--decrypt", "--in-place", "--json")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "judged"
    folder.mkdir()
    decrypted(image, folder)
    assert read(image, look)["encrypted"] is False
