"""Which key opens which volume, and what is said where none does."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import pytest

from reseal.bitlocker import Key, LockedError, MetadataError, OpenVolume, keys, unlock
from tests.bitlocker import encryptor
from tests.bitlocker.conftest import Memory, Plain
from tests.bitlocker.encryptor import RECOVERY, Made, Protector

OTHER_RECOVERY = "000011-000022-000033-000044-000055-000066-000077-000088"


def image(plain: Plain, protectors: Sequence[Protector]) -> bytearray:
    """Only the metadata matters here, so nothing but the start is encrypted."""
    made = Made(mark=plain.places.metadata[0] + (1 << 20), state=(5, 1))
    return encryptor.encrypt(plain.content, made, plain.places, protectors)


def opened(image: bytes | bytearray, *given: Key) -> bool:
    return OpenVolume.open(Memory(image), given, "volume 3 of disk.img").read(3, 8) == b"NTFS    "


def test_each_kind_of_key_opens_its_protector(
    plain: Plain, password: Protector, recovery: Protector
) -> None:
    startup = encryptor.startup()
    coded = image(plain, [encryptor.tpm(), password, recovery, startup])
    assert opened(coded, keys.password("s3cret £"))
    assert opened(coded, keys.recovery_key(RECOVERY))
    assert opened(coded, keys.startup_key(encryptor.bek(startup)))


def test_a_clear_key_opens_without_being_asked(plain: Plain, password: Protector) -> None:
    assert opened(image(plain, [password, encryptor.clear()]))


def test_a_key_fits_the_second_protector_of_its_kind(plain: Plain, recovery: Protector) -> None:
    second = encryptor.recovery(OTHER_RECOVERY, "second")
    coded = image(plain, [recovery, second])
    assert opened(coded, keys.recovery_key(OTHER_RECOVERY))
    assert opened(coded, keys.recovery_key(RECOVERY))


def test_of_several_keys_one_needs_to_fit(plain: Plain, recovery: Protector) -> None:
    coded = image(plain, [recovery])
    assert opened(coded, keys.password("wrong"), keys.recovery_key(RECOVERY))


def test_without_a_key_the_ways_in_are_named(
    plain: Plain, password: Protector, recovery: Protector
) -> None:
    coded = image(plain, [encryptor.tpm(), password, recovery])
    with pytest.raises(LockedError) as error:
        opened(coded)
    assert error.value.exit_code == 3
    assert error.value.message == (
        "volume 3 of disk.img is encrypted with BitLocker, and no key was given; it can be opened "
        "with: TPM, password, recovery key. Nothing was changed."
    )
    assert "--key recovery:FILE" in str(error.value.hint)


def test_what_reseal_cant_use_is_said(plain: Plain) -> None:
    with pytest.raises(LockedError, match="with: TPM") as error:
        opened(image(plain, [encryptor.tpm()]))
    assert "Add a recovery key in Windows" in str(error.value.hint)


@pytest.mark.parametrize(
    "given",
    [
        keys.password("wrong", "password:file"),
        keys.recovery_key(OTHER_RECOVERY, "recovery:file"),
        keys.startup_key(encryptor.bek(encryptor.startup("another")), "bek:file"),
    ],
    ids=lambda key: key.kind,
)
def test_a_wrong_key_is_named_and_not_shown(
    plain: Plain, password: Protector, recovery: Protector, given: Key
) -> None:
    coded = image(plain, [password, recovery, encryptor.startup()])
    with pytest.raises(LockedError, match=rf"{given.source} doesn't open it") as error:
        opened(coded, given)
    said = f"{error.value} {error.value.hint}"
    assert error.value.exit_code == 3
    for secret in ("wrong", OTHER_RECOVERY, given.secret.hex()):
        assert secret not in said


def test_protectors_beyond_a_bound_are_not_tried(
    plain: Plain, recovery: Protector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlock, "_ROUNDS", 4)
    many = [Protector(f"{number}", 0x0800, recovery.inside) for number in range(200)]
    with pytest.raises(LockedError, match="first 32 protectors"):
        opened(image(plain, many), keys.recovery_key(OTHER_RECOVERY))


def test_another_key_opens_a_volume_with_too_many_protectors(
    plain: Plain, recovery: Protector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unlock, "_ROUNDS", 4)
    many = [Protector(f"{number}", 0x0800, recovery.inside) for number in range(40)]
    startup = encryptor.startup()
    coded = image(plain, [*many, startup])
    right = keys.startup_key(encryptor.bek(startup))
    wrong = keys.recovery_key(OTHER_RECOVERY, "recovery:file")
    assert opened(coded, wrong, right)
    assert opened(coded, right, wrong)
    another = keys.password("wrong", "password:file")
    with pytest.raises(
        LockedError, match=r"disk\.img is .* and recovery:file fits none of the first"
    ):
        opened(coded, wrong, another)


@pytest.mark.parametrize(
    "inside", [b"\x03\0\0\0\0\0\0\0", b"\xff\xff\0\0\x03\0\0\0"], ids=["small", "large"]
)
@pytest.mark.parametrize("kind", [0, 0x0200, 0x0800])
def test_a_damaged_protector_hides_no_other(
    plain: Plain, recovery: Protector, kind: int, inside: bytes
) -> None:
    damaged = Protector("damaged", kind, inside)
    assert opened(image(plain, [damaged, recovery]), keys.recovery_key(RECOVERY))
    with pytest.raises(LockedError, match=r"disk\.img is .* doesn't open it"):
        opened(image(plain, [damaged, recovery]), keys.recovery_key(OTHER_RECOVERY))


@pytest.mark.parametrize(
    ("protectors", "hint"),
    [
        ([encryptor.startup()], "Give --key bek:FILE."),
        (
            [encryptor.startup(), Protector("p", 0x2000, b"")],
            "Give --key password:FILE or --key bek:FILE.",
        ),
        ([encryptor.tpm()], "Add a recovery key in Windows"),
        ([], "Copy the image again"),
    ],
    ids=["startup", "password", "TPM", "none"],
)
@pytest.mark.parametrize(
    "given", [[], [keys.recovery_key(OTHER_RECOVERY)]], ids=["no key", "a key"]
)
def test_only_keys_that_the_volume_takes_are_asked_for(
    plain: Plain, protectors: list[Protector], hint: str, given: list[Key]
) -> None:
    with pytest.raises(LockedError) as error:
        opened(image(plain, protectors), *given)
    assert hint in str(error.value.hint)
    assert "with: none" not in error.value.message


def _rewritten(coded: bytearray, plain: Plain, copies: int, change: bytes) -> bytearray:
    """Change the description in some copies, with a checksum that is right again."""
    for place in plain.places.metadata[:copies]:
        block = coded[place : place + encryptor.BLOCK]
        size = struct.unpack_from("<H", block, 8)[0] * 16
        at = block.index("MADE-UP".encode("utf-16-le"))
        block[at : at + len(change)] = change
        struct.pack_into("<I", block, size + 4, zlib.crc32(block[:size]))
        coded[place : place + encryptor.BLOCK] = block
    return coded


def test_metadata_that_somebody_changed_is_passed_over(plain: Plain) -> None:
    coded = _rewritten(image(plain, [encryptor.clear()]), plain, 2, b"X")
    volume = OpenVolume.open(Memory(coded), [], "volume")
    assert volume.metadata.description == "MADE-UP C: 12/1/2026"


def test_metadata_that_somebody_changed_everywhere_is_refused(plain: Plain) -> None:
    coded = _rewritten(image(plain, [encryptor.clear()]), plain, 3, b"X")
    with pytest.raises(MetadataError, match="damaged in every copy"):
        opened(coded)
