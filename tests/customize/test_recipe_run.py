"""A recipe that does twenty things at once: first dry, then for real; and recipes in which a step fails."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.customize import machines
from tests.customize.machines import USER, Judged
from tests.end_to_end.judges import reseal
from tests.ntfs import judges

pytestmark = pytest.mark.corpus

RECIPE = r"""
# What every image of ours gets.

[[step]]
mkdir = 'C:\Tools'

[[step]]   # paths of this machine start from the recipe's folder
copy-in = { host = "files/agent.cmd", guest = 'C:\Tools' }

[[step]]
write = { guest = '/Tools/build.txt', text = '''
golden image
''' }

[[step]]
edit = { guest = '/Tools/build.txt', expression = 's/golden/sealed/' }
[[step]]
copy-in = { host = "files", guest = '/Tools/all' }
[[step]]
move = { guest = '/Tools/all', new = '/Tools/everything' }
[[step]]
delete = '/Tools/everything/*.tmp'
[[step]]
owner = { guest = '/Tools', account = "SYSTEM" }
[[step]]
sddl = { guest = '/Tools/build.txt', sddl = "D:P(A;;FR;;;WD)" }

[[step]]
reg = "files/settings.reg"
[[step]]
reg-set = { path = 'HKLM\SOFTWARE\Vendor', value = "Number", type = "REG_DWORD", data = 7 }
[[step]]
reg-set = { path = 'HKU\*\Software\Vendor', value = "Text", type = "REG_SZ", data = "everybody" }
[[step]]
reg-delete = 'HKLM\SOFTWARE\Vendor\\Gone'

[[step]]
firstboot = "files/agent.cmd"
[[step]]
first-logon-command = "echo hello"

[[step]]
enable-user = "Administrator"
[[step]]
autologon-off = true
[[step]]
remove-user = "AndrewRathbun"

[[step]]
timezone = "W. Europe Standard Time"
[[step]]
service = { name = "wuauserv", start = "manual" }
[[step]]
enable-rdp = true
[[step]]
oem-information = { field = "Manufacturer", text = "Example Corp" }
[[step]]
wipe-free = true
"""
REG = 'Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Vendor]\r\n"Gone"="x"\r\n'


@pytest.fixture
def place(corpus: Path, tmp_path: Path) -> Path:
    """A folder with an image and a recipe with its files."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "agent.cmd").write_bytes(b"echo agent\r\n")
    (files / "x.tmp").write_bytes(b"x")
    (files / "settings.reg").write_bytes(REG.encode())
    (tmp_path / "golden.toml").write_text(RECIPE, encoding="utf-8")
    machines.sample(corpus, tmp_path / "image.qcow2")
    return tmp_path


def test_twenty_things_at_once(place: Path) -> None:
    image = place / "image.qcow2"
    before = image.read_bytes()
    runs = []
    for more in (["--dry-run"], []):
        done = reseal(
            "customize", image, "--recipe", place / "golden.toml", "--json", "--quiet", *more
        )
        assert done.returncode == 0, done.stderr
        runs.append(json.loads(done.stdout))
        if more:
            assert image.read_bytes() == before
    dry, real = runs
    assert dry["changes"] == real["changes"]
    assert dry["notes"] == real["notes"]
    assert (dry["result"], real["result"]) == ("dry run", "customized")
    assert len({one["provider"] for one in real["changes"]}) >= 19
    judged = Judged.of(image, place / "judged")
    # Not ntfssecaudit: behind the last entry of $SDS it reads what its buffer held before, and with a
    # short last entry, as here, it crashes on that. The descriptors themselves are looked at below.
    judges.judge_structure(judged.volume.path)
    assert judged.read(r"Tools\build.txt") == b"sealed image\n"
    assert judged.names(r"Tools\everything") == {"agent.cmd", "settings.reg"}
    assert judged.sids("Tools")[0] == "S-1-5-18"
    assert judged.sids(r"Tools\build.txt")[1] == ["S-1-1-0"]
    vendor = judged.machine("SOFTWARE", "Vendor")
    assert vendor
    assert vendor["Number"] == (4, b"\7\0\0\0")
    assert "Gone" not in vendor
    assert judged.key(r"Users\Administrator\NTUSER.DAT", r"Software\Vendor")
    assert USER not in judged.accounts


def broken(name: str) -> Callable[[Path], tuple[list[str], str]]:
    """A way in which a step fails, by name: prepares the folder; the options, and what is said."""

    def late(place: Path) -> tuple[list[str], str]:
        recipe = RECIPE + '\n[[step]]\nremove-user = "nobody"\n'
        (place / "golden.toml").write_text(recipe, encoding="utf-8")
        line = recipe.count("\n")
        return [
            "--recipe",
            "golden.toml",
        ], f"golden.toml:{line}: remove-user: The image has no local"

    def missing(place: Path) -> tuple[list[str], str]:
        (place / "files" / "agent.cmd").unlink()
        return ["--recipe", "golden.toml"], "golden.toml:8: copy-in: "

    def bad_reg(place: Path) -> tuple[list[str], str]:
        (place / "files" / "settings.reg").write_bytes(REG.encode() + b'"A"=nonsense\r\n')
        return ["--recipe", "golden.toml"], "golden.toml:29: reg: Line 5 of the .reg file is wrong"

    def bad_option(place: Path) -> tuple[list[str], str]:
        return [
            "--mkdir",
            "/New",
            "--edit",
            r"C:\missing:s/a/b/",
        ], r"--edit C:\missing:s/a/b/: The image has no"

    def no_form(place: Path) -> tuple[list[str], str]:
        return [
            "--copy-in",
            "nothing",
        ], "--copy-in nothing: the arguments must have the form HOST:GUEST"

    def vital(place: Path) -> tuple[list[str], str]:
        return [
            "--mkdir",
            "/New",
            "--delete",
            r"C:\Windows\System3?",
        ], "holds the registry of this Windows"

    def other_hive(place: Path) -> tuple[list[str], str]:
        return ["--mkdir", "/New", "--reg-set", r"HKLM\HARDWARE", "x", "REG_SZ", "y"], "no hive for"

    def current_user(place: Path) -> tuple[list[str], str]:
        return ["--reg-delete", r"HKCU\Software"], "not a key of an image"

    return {one.__name__: one for one in (late, missing, bad_reg, bad_option, no_form, vital, other_hive,
                                          current_user)}[name]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["late", "missing", "bad_reg", "bad_option", "no_form", "vital", "other_hive", "current_user"],
)
def test_a_step_that_fails_leaves_everything_as_it_was(place: Path, name: str) -> None:
    image = place / "image.qcow2"
    options, said = broken(name)(place)
    before, names = image.read_bytes(), sorted(one.name for one in place.iterdir())
    copied_out = ["--copy-out", r"C:\Windows\explorer.exe:explorer.exe"]
    done = reseal("customize", image, "--quiet", *copied_out, *options, cwd=place)
    assert done.returncode in {2, 3, 4}
    assert said in done.stderr
    assert "What to do: " in done.stderr
    assert image.read_bytes() == before
    assert sorted(one.name for one in place.iterdir()) == names
