"""The pages: every command and every Python example that they show is run, and they are built strictly.

In a block of the language `console` each line that begins with `$` is run, of `sh` the whole block, of
`python` too; of `yaml` and `hcl` every command of reseal's is taken out and run. The blocks of a page share
one folder. A command that is meant to fail says so: `# exit code 3`. In tables every `reseal …` in code is
run, each in a folder of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reseal.customize import STEPS
from reseal.providers.plugins import every
from tools import reference
from tools.command_tree import commands

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
#: Pages whose files and users are of their own, and the tests that run them.
ELSEWHERE = {
    "how-to/golden-image.md": "tests/customize/test_how_to.py",
    "reference/customize-steps.md": "tests/customize/test_documentation.py",
    "development/adding.md": "tests/way_in/test_development.py",
}
HERE = [one for one in PAGES if str(one.relative_to(DOCS)) not in ELSEWHERE]
#: Pages that every run of the suite runs; `make judges` runs all.
ALWAYS = {"tutorial", "python", "wim"}
#: Blocks in which nothing is run, and what reads them in place of that.
READ_ONLY = {"text", "json", "xml", "ini"}

OPERATIONS = """
    abrt-data backup-files bash-history blkid-tab ca-certificates crash-data cron-spool customize
    dhcp-client-state dhcp-server-state dovecot-data firewall-rules flag-reconfiguration fs-uuids
    ipa-client kerberos-data kerberos-hostkeytab lvm-system-devices lvm-uuids logfiles machine-id
    mail-spool net-hostname net-hwaddr net-nmconn pacct-log package-manager-cache pam-data passwd-backups
    puppet-data-log rh-subscription-manager rhn-systemid rpm-db samba-db-log script smolt-uuid
    ssh-hostkeys ssh-userdir sssd-db-log tmp-files udev-persistent-net user-account utmp yum-uuid
"""
VIRT_SYSPREP = f"""
    {OPERATIONS} -a --add --format -c --connect -d --domain -n --dry-run --enable --operation --operations
    --list-operations --key --keys-from-stdin --echo-keys --mount-options --network --no-network -q --quiet
    -v --verbose -x --colors --colours --wrap -V --version --script --scriptdir --remove-user-accounts
    --keep-user-accounts --append-line --chmod --chown --commands-from-file --copy --copy-in --delete --edit
    --firstboot --firstboot-command --firstboot-install --hostname --inject-qemu-ga --inject-virtio-win
    --inject-blnsvr --install --link --mkdir --move --no-logfile --password --password-crypto
    --root-password --run --run-command --scrub --selinux-relabel --no-selinux-relabel --sm-attach
    --sm-credentials --sm-register --sm-remove --sm-unregister --ssh-inject --tar-in --timezone --touch
    --truncate --truncate-recursive --uninstall --update --upload --write
"""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXIT_CODE = re.compile(r"\s*# exit code (\d+)$")
_INLINE = re.compile(r"`(reseal [^`]+)`( [^|]*\(exit code (\d)\))?")
_COMMAND = re.compile(r"(?:run: |- |\")(reseal [^\"\n]+)")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    yield from _BLOCK.findall(page.read_text("utf-8"))


def steps(language: str, text: str) -> Iterator[tuple[list[str], int]]:
    """Yield what a block runs, and the exit code that it is to have."""
    match language:
        case "console":
            for line in text.splitlines():
                if line.startswith("$ "):
                    code = _EXIT_CODE.search(line)
                    command = _EXIT_CODE.sub("", line[2:])
                    yield ["bash", "-c", command], int(code.group(1)) if code else 0
        case "sh":
            yield ["bash", "-euo", "pipefail", "-c", text], 0
        case "python":
            yield [sys.executable, "-c", text], 0
        case "yaml" | "hcl":
            for command in _COMMAND.findall(text):
                yield ["bash", "-c", command], 0
        case "toml":
            tomllib.loads(text)
        case _:
            assert language in READ_ONLY, language


@pytest.mark.parametrize(
    "page",
    [pytest.param(one, marks=() if one.stem in ALWAYS else pytest.mark.judges) for one in HERE],
    ids=lambda one: str(one.relative_to(DOCS)),
)
def test_every_block_of_a_page_works(
    page: Path, new_stage: Callable[[], Path], environment: dict[str, str]
) -> None:
    folder = new_stage()
    for language, text in blocks(page):
        for command, code in steps(language, text):
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == code, (command[-1], done.stdout[-500:], done.stderr)
            assert "Traceback" not in done.stderr


def test_pages_that_are_run_elsewhere_are() -> None:
    for page, test in ELSEWHERE.items():
        assert (DOCS / page).exists()
        assert Path(page).name in (ROOT / test).read_text("utf-8")


def inline() -> list[tuple[str, int]]:
    text = (DOCS / "coming-from.md").read_text("utf-8")
    found = {
        (command, int(code or 0))
        for command, _, code in _INLINE.findall(text)
        if "IMAGE" not in command
    }
    return sorted(found)


@pytest.mark.judges
def test_every_command_in_the_tables_works(
    new_stage: Callable[[], Path], environment: dict[str, str]
) -> None:
    commands = inline()
    assert len(commands) > 20
    for command, code in commands:
        done = subprocess.run(
            ["bash", "-c", command], cwd=new_stage(), env=environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == code, (command, done.stderr)


def test_options_that_are_only_named_exist() -> None:
    known = {
        word
        for one in commands()
        for parameter in one.parameters
        for word in parameter.term.split()
        if word.startswith("-")
    }
    for page in (*PAGES, ROOT / "README.md"):
        text = page.read_text("utf-8")
        if page.name == "coming-from.md":
            # The first column has the options of the other tool.
            text = re.sub(r"^\|[^|]*\|", "|", text, flags=re.MULTILINE)
        for named in re.findall(r"`(--[a-z-]+)[ `]", text):
            assert named in known | {"--help", "--version"}, (page.name, named)


def test_the_page_on_python_shows_the_example_as_it_is() -> None:
    shown = (DOCS / "how-to" / "python.md").read_text("utf-8")
    source = (ROOT / "examples/provider/src/reseal_contoso/__init__.py").read_text("utf-8")
    declared = source[source.index("@provider(") : source.index('    r"""')]
    assert declared in shown
    example = tomllib.loads((ROOT / "examples/provider/pyproject.toml").read_text("utf-8"))
    page = next(tomllib.loads(text) for language, text in blocks(DOCS / "how-to" / "python.md")
                if language == "toml")  # fmt: skip
    assert page["project"]["entry-points"] == example["project"]["entry-points"]


# The built pages


def test_the_reference_holds_every_declaration() -> None:
    pages = reference.pages()
    for one in commands():
        assert f"reseal {one.name}".strip() in pages["commands.md"]
        for parameter in one.parameters:
            assert parameter.term.split()[0].strip("[,") in pages["commands.md"]
    for name in ("providers.md", "checks.md"):
        assert "Source:*" in pages[name]
    assert "Microsoft-Windows-Shell-Setup" in pages["answer-files.md"]
    assert "`new_sid_at_next_boot`" in pages["record.md"]
    assert "### generalize" in pages["python.md"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material", reason="mkdocs-material is not installed (make docs)")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_pages_are_built_strictly_and_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(PAGES)
    loading = re.compile(
        r"<(?:script|img|iframe|source)[^>]+src=\"?(?:https?:)?//|"
        r"<link[^>]+rel=\"?(?:stylesheet|icon|preload|preconnect)\"?[^>]+href=\"?(?:https?:)?//"
    )
    for page in pages:
        assert not loading.search(page.read_text("utf-8")), page
    for style in site.rglob("*.css"):
        assert not re.search(r"url\([\"']?(?:https?:)?//", style.read_text("utf-8")), style


def test_what_is_generated_lies_not_in_the_source(site: Path) -> None:
    del site
    assert not [name for name in reference.pages() if (DOCS / "reference" / name).exists()]


def _quoted(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


def test_users_of_virt_sysprep_find_each_of_its_operations_and_options() -> None:
    """The names are those of virt-sysprep 1.56, documented in virt-sysprep(1)."""
    text = (DOCS / "coming-from.md").read_text("utf-8")
    cells = [line.split("|") for line in text.splitlines() if line.startswith("| ")]
    rows = [(_quoted(first), _quoted(second)) for _, first, second, *_ in cells]
    theirs = {name for first, _ in rows for name in first}
    assert set(VIRT_SYSPREP.split()) <= theirs
    known = {one.id for one in every()} | {f"--{name}" for name in STEPS}
    for first, second in rows:
        if set(first) & set(OPERATIONS.split()):
            assert set(second) <= known, first
