"""Local accounts in real SAM hives of both forms; impacket reads the hashes back."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from reseal.answerfile import Secret
from reseal.errors import UsageError
from reseal.regf import Hive
from reseal.session import Session
from reseal.unattend.local_accounts import ADMINISTRATOR, LocalAccounts
from reseal.windows.accounts import accounts
from reseal.windows.sam import SamError
from reseal.windows.sid import Sid
from tests import oracles
from tests.windows import sam

PASSWORD = "Tr0ub4dor&3 ä€\N{GRINNING FACE}"
both = pytest.mark.parametrize("machine", list(sam.MACHINES))
EMPTY_LM = "aad3b435b51404eeaad3b435b51404ee"
EMPTY_NT = "31d6cfe0d16ae931b73c59d7e0c089c0"
CONFIG = r"Windows\System32\config"


def nt(password: str) -> str:
    """The NT hash as impacket computes it."""
    from impacket.ntlm import compute_nthash

    return str(compute_nthash(password).hex())


def commit(image: Session, folder: Path) -> dict[str, tuple[int, str, str]]:
    """Write what is staged, let all readers of hives agree on it, and return what impacket reads."""
    image.verify()
    image.commit(image.installation.tree)
    data = image.installation.tree.read(rf"{CONFIG}\SAM")
    trees = {name: read(data) for name, read in oracles.ORACLES.items()}
    first = trees["hivex"]
    assert all(tree == first for tree in trees.values())
    assert Hive.open(data).verify() == []
    return sam.dumped(data, image.installation.tree.read(rf"{CONFIG}\SYSTEM"), folder)


@both
def test_a_password_of_the_administrator(corpus: Path, machine: str, tmp_path: Path) -> None:
    image = sam.image(corpus, machine)
    LocalAccounts(image).set_password(ADMINISTRATOR, Secret(PASSWORD))
    found = commit(image, tmp_path)
    assert found["Administrator"] == (500, EMPTY_LM, nt(PASSWORD))


@both
@pytest.mark.parametrize("password", ["", "p", "x" * 127, "пароль"])
def test_passwords_of_many_kinds(corpus: Path, machine: str, password: str, tmp_path: Path) -> None:
    image = sam.image(corpus, machine)
    LocalAccounts(image).set_password(1001, Secret(password))
    name = next(one.name for one in accounts(image.registry) if one.rid == 1001)
    assert commit(image, tmp_path)[name] == (1001, EMPTY_LM, nt(password))


@both
def test_a_new_account_in_groups(corpus: Path, machine: str, tmp_path: Path) -> None:
    image = sam.image(corpus, machine)
    before = {one.name for one in accounts(image.registry)}
    local = LocalAccounts(image)
    rid = local.create("packer")
    local.describe(rid, "Packer the Builder", "builds images")
    local.set_password(rid, Secret(PASSWORD))
    local.join(rid, "Administrators")
    local.join(rid, "remote desktop users")
    found = commit(image, tmp_path)
    assert rid == 1002
    assert found["packer"] == (1002, EMPTY_LM, nt(PASSWORD))
    assert set(found) == before | {"packer"}
    tree = oracles.hivex(image.installation.tree.read(rf"{CONFIG}\SAM"))
    account = r"SAM\Domains\Account"
    assert tree[rf"{account}\Users\Names\packer"] == {"": (1002, b"")}
    assert struct.unpack_from("<I", tree[account]["F"][1], 72) == (1003,)
    fixed = tree[rf"{account}\Users\000003EA"]["F"][1]
    assert struct.unpack_from("<3I", fixed, 48) == (1002, 513, 0x10)
    # The group None names every account of the machine.
    group = tree[rf"{account}\Groups\00000201"]["C"][1]
    offset, _, count = struct.unpack_from("<3I", group, 56)
    rids = struct.unpack_from(f"<{count}I", group, 68 + offset)
    assert set(rids) == {one[0] for one in found.values()}


@both
def test_impacket_reads_the_members_of_the_administrators(
    corpus: Path, machine: str, tmp_path: Path
) -> None:
    from impacket.examples.secretsdump import BUILTIN_GROUP_C

    image = sam.image(corpus, machine)
    local = LocalAccounts(image)
    rid = local.create("packer")
    local.join(rid, "Administrators")
    local.join(rid, "Administrators")
    stranger = Sid.parse("S-1-5-21-1-2-3-1105")
    local.join(stranger, "Administrators")
    local.join(stranger, "Users")
    commit(image, tmp_path)
    tree = oracles.hivex(image.installation.tree.read(rf"{CONFIG}\SAM"))
    aliases = r"SAM\Domains\Builtin\Aliases"
    group = BUILTIN_GROUP_C(tree[rf"{aliases}\00000220"]["C"][1])
    assert group["UserCount"] == (5 if machine == "win81-domain-joined" else 4)
    start = group["UsersOffset"]
    assert group["Data"][start:].endswith(local._sid.relative(rid).to_bytes() + stranger.to_bytes())
    members = rf"{aliases}\Members"
    assert tree[rf"{members}\{local._sid}\000003EA"] == {"": (1, struct.pack("<I", 544))}
    assert tree[rf"{members}\S-1-5-21-1-2-3"] == {"": (1, b"")}
    assert tree[rf"{members}\S-1-5-21-1-2-3\00000451"] == {"": (2, struct.pack("<2I", 544, 545))}
    own = tree[rf"{members}\{local._sid}"][""]
    assert own == ({"win81-domain-joined": 4, "win10-21h1": 5}[machine], b"")


@both
def test_an_account_without_a_password_and_a_disabled_one(
    corpus: Path, machine: str, tmp_path: Path
) -> None:
    image = sam.image(corpus, machine)
    local = LocalAccounts(image)
    local.create("open")
    local.create("shut", enabled=False)
    local.enable(ADMINISTRATOR)
    found = commit(image, tmp_path)
    assert found["open"] == (1002, EMPTY_LM, EMPTY_NT)
    assert found["shut"] == (1003, EMPTY_LM, EMPTY_NT)
    disabled = {one.name: one.disabled for one in accounts(image.registry)}
    assert (disabled["open"], disabled["shut"], disabled["Administrator"]) == (False, True, False)
    local.enable(ADMINISTRATOR, enabled=False)
    assert next(one for one in accounts(image.registry) if one.rid == 500).disabled


@both
def test_forty_accounts(corpus: Path, machine: str, tmp_path: Path) -> None:
    """The room that the group None keeps for members runs out."""
    image = sam.image(corpus, machine)
    local = LocalAccounts(image)
    for number in range(40):
        local.join(local.create(f"user{number}"), "Users")
    found = commit(image, tmp_path)
    assert len([name for name in found if name.startswith("user")]) == 40


@both
def test_nothing_that_is_recorded_holds_a_password_or_its_hash(corpus: Path, machine: str) -> None:
    image = sam.image(corpus, machine)
    local = LocalAccounts(image)
    local.set_password(local.create("packer"), Secret(PASSWORD))
    shown = json.dumps([one.to_json() for one in image.changes])
    user = image.registry.key(r"HKLM\SAM\SAM\Domains\Account\Users\000003EA")
    assert user
    value = user.value("V")
    assert value
    offset, size = struct.unpack_from("<II", value.data, 12 * 14)
    stored = value.data[204 + offset : 204 + offset + size]
    for secret in (PASSWORD, nt(PASSWORD), stored[-16:].hex(), sam.PASSWORD_KEY.hex()):
        assert secret not in shown
        assert secret not in repr(vars(local))


@pytest.mark.parametrize("name", ["", "a/b", "a" * 21, "...", "a\nb", "Administrator", "Users"])
def test_names_that_no_account_can_have(corpus: Path, name: str) -> None:
    image = sam.image(corpus, "win10-21h1")
    with pytest.raises(UsageError):
        LocalAccounts(image).create(name)
    assert image.changes == []


def test_an_unknown_group(corpus: Path) -> None:
    with pytest.raises(UsageError, match="no local group Wizards"):
        LocalAccounts(sam.image(corpus, "win10-21h1")).join(500, "Wizards")


@both
def test_the_boot_key_of_another_machine_opens_nothing(corpus: Path, machine: str) -> None:
    image = sam.image(corpus, machine)
    system = sam.system(boot_key=bytes(16))
    image.installation.tree.write(rf"{CONFIG}\SYSTEM", system)
    with pytest.raises(SamError, match="does not decrypt the SAM hive"):
        LocalAccounts(image).set_password(500, Secret("x"))
    assert image.changes == []
