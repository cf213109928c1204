"""What a person gives as a key, and what is said of a wrong one."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from reseal.bitlocker import keys
from reseal.errors import UsageError
from tests.bitlocker import encryptor
from tests.bitlocker.encryptor import RECOVERY

SAVED = f"""BitLocker Drive Encryption recovery key

To verify that this is the correct recovery key, compare the start of the following identifier.

Identifier:

\t64311DEA-4587-4029-924A-BA299647998E

Recovery Key:

\t{RECOVERY}
"""


@pytest.mark.parametrize(
    "content",
    [
        RECOVERY.encode(),
        f"  {RECOVERY}\r\n".encode(),
        RECOVERY.replace("-", " ").encode(),
        SAVED.encode("utf-16"),
        SAVED.encode("utf-8-sig"),
        b"\xfe\xff" + SAVED.encode("utf-16-be"),
    ],
)
def test_a_recovery_key_is_found_in_what_windows_saves(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key.txt"
    file.write_bytes(content)
    (key,) = keys.read([f"recovery:{file}"])
    assert key.secret == keys.recovery_key(RECOVERY).secret
    assert (key.kind, key.id) == ("recovery", None)


@pytest.mark.parametrize("group", range(1, 9))
@pytest.mark.parametrize("wrong", ["000001", "000010", "720896", "999999"])
def test_a_mistyped_group_is_named(group: int, wrong: str) -> None:
    groups = RECOVERY.split("-")
    groups[group - 1] = wrong
    with pytest.raises(UsageError, match=f"Group {group} ") as error:
        keys.recovery_key("-".join(groups), "recovery:key.txt")
    assert not any(one in str(error.value) for one in RECOVERY.split("-"))


def test_two_digits_that_changed_places_are_found() -> None:
    # The rule of 11 finds every such mistake; so does manage-bde.
    for place in range(len(RECOVERY) - 1):
        one, other = RECOVERY[place], RECOVERY[place + 1]
        if "-" in one + other or one == other:
            continue
        with pytest.raises(UsageError, match="mistyped"):
            keys.recovery_key(RECOVERY[:place] + other + one + RECOVERY[place + 2 :])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        RECOVERY[:-1],
        RECOVERY[:-7],
        RECOVERY + "1",
        "1" + RECOVERY,
        RECOVERY.replace("-", ""),
    ],
)
def test_what_is_no_recovery_key_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="does not contain a complete recovery key"):
        keys.recovery_key(text)


def test_a_password_is_a_line(tmp_path: Path) -> None:
    for content in (b"pass word", b"pass word\n", b"pass word\r\n", "pass word".encode("utf-16")):
        file = tmp_path / "password"
        file.write_bytes(content)
        (key,) = keys.read([f"password:{file}"])
        assert key.secret == keys.password("pass word").secret
    assert keys.password("pass word ").secret != keys.password("pass word").secret


def test_a_startup_key_is_read_from_its_file(tmp_path: Path) -> None:
    protector = encryptor.startup()
    file = tmp_path / "key.BEK"
    file.write_bytes(encryptor.bek(protector))
    (key,) = keys.read([f"bek:{file}"])
    assert (key.kind, key.id) == ("bek", protector.id)
    assert key.secret == encryptor.repeatable("key of startup", 32)


def test_every_damage_of_a_startup_key_is_an_error() -> None:
    whole = encryptor.bek(encryptor.startup())
    keys.startup_key(whole)
    for size in range(len(whole)):
        with pytest.raises(UsageError, match="does not contain a startup key"):
            keys.startup_key(whole[:size])
    for place in (0, 4, 8, 48, 50, 52):
        with pytest.raises(UsageError, match="does not contain a startup key"):
            keys.startup_key(whole[:place] + b"\xff\xff" + whole[place + 2 :])


def test_a_key_comes_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(RECOVERY.encode())))
    (key,) = keys.read(["recovery:-"])
    assert key.secret == keys.recovery_key(RECOVERY).secret
    with pytest.raises(UsageError, match="Standard input can hold only one key"):
        keys.read(["recovery:-", "password:-"])


@pytest.mark.parametrize("named", ["", RECOVERY, "recovery", "recovery:", "key:file", "Password:x"])
def test_a_key_needs_its_kind_and_is_never_repeated(named: str) -> None:
    with pytest.raises(UsageError, match="takes a kind and a file") as error:
        keys.read([named])
    assert RECOVERY not in f"{error.value} {error.value.hint}"


@pytest.mark.parametrize("kind", keys.KINDS)
@pytest.mark.parametrize("secret", [RECOVERY, "s3cret", "s3cret" * 100])
def test_a_secret_instead_of_a_file_is_not_repeated(kind: str, secret: str) -> None:
    with pytest.raises(UsageError, match=f"--key {kind}:… can't be read") as error:
        keys.read([f"{kind}:{secret}"])
    assert secret not in f"{error.value} {error.value.hint}"
    assert "not the key itself" in str(error.value.hint)


@pytest.mark.parametrize("content", [b"one\ntwo", b"one\r\ntwo\r\n", b"\none", b"one\n\ntwo\n"])
def test_a_password_of_several_lines_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(UsageError, match="has several lines") as error:
        keys.read([f"password:{tmp_path / 'password'}"])
    assert "one" not in str(error.value.message).replace(str(tmp_path), "")


def test_files_that_hold_no_key(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        keys.read([f"recovery:{tmp_path / 'missing'}"])
    with pytest.raises(UsageError, match="Is a directory"):
        keys.read([f"recovery:{tmp_path}"])
    for name, content, message in (
        ("empty", b"", "is empty"),
        ("large", b"1" * (keys.MAX_SIZE + 1), "more than 64 KiB"),
        ("binary", b"\x80\x81", "not text"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match=message):
            keys.read([f"password:{tmp_path / name}"])
    (tmp_path / "line").write_bytes(b"\n")
    with pytest.raises(UsageError, match="is empty"):
        keys.read([f"password:{tmp_path / 'line'}"])


def test_a_key_shows_nothing_of_itself() -> None:
    for key in (keys.recovery_key(RECOVERY), keys.password("s3cret")):
        text = f"{key!r} {key} {vars(type(key)).keys()}"
        assert key.secret.hex() not in text
        assert str(key.secret) not in text
        assert "s3cret" not in text
