"""Volumes that were captured and applied again, judged by dissect.ntfs and wimlib-imagex."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from reseal.testing.volumes import ntfs_volume
from reseal.wim import volume
from reseal.wim.config import DEFAULT_CONFIG
from tests.ntfs.conftest import vhdx_volume, vss_volume, windows_volume  # noqa: F401  fixtures
from tests.ntfs.judges import judge_structure, run
from tests.wim import oracle
from tests.wim.jobs import apply, capture
from tests.wim.volumes import MIB, rich_volume

SPARSE, COMPRESSED = 0x200, 0x800


def comparable(entries: dict[str, oracle.Entry]) -> dict[str, oracle.Entry]:
    """What libwim restores: holes become zeros, and compressed files are written plainly."""
    for one in entries.values():
        one.attributes &= ~SPARSE if one.directory else ~(SPARSE | COMPRESSED)
    return entries


@pytest.mark.parametrize("compression", ["none", "xpress", "lzx", "lzms"])
def test_everything_comes_back(tmp_path: Path, compression: str) -> None:
    source, target, wim = (tmp_path / name for name in ("source", "target", "x.wim"))
    rich_volume(source)
    capture(source, wim, compression=compression)
    ntfs_volume(target, 24 * MIB)
    apply(wim, 1, target, through_callbacks=compression != "none")
    assert comparable(oracle.volume(target)) == comparable(oracle.volume(source))
    # ntfssecaudit crashes on what wimlib-imagex itself applies, and so can't be asked.
    judge_structure(target)
    assert run("wimverify", wim).returncode == 0


@pytest.mark.corpus
@pytest.mark.parametrize("name", ["vss_volume", "windows_volume", "vhdx_volume"])
def test_volumes_made_by_windows_come_back(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    source: Path = request.getfixturevalue(name)
    target, wim = tmp_path / "target", tmp_path / "x.wim"
    capture(source, wim, compression="xpress", config=DEFAULT_CONFIG)
    ntfs_volume(target, max(24 * MIB, source.stat().st_size))
    apply(wim, 1, target)
    expected = comparable(oracle.volume(source))
    for path in [one for one in expected if one.startswith("System Volume Information")]:
        del expected[path]
    assert comparable(oracle.volume(target)) == expected


def test_a_file_is_flushed_once_and_by_reseal(tmp_path: Path) -> None:
    """libntfs-3g's own operations would flush it each time that something of the volume is synced."""
    source, target, wim = (tmp_path / name for name in ("source", "target", "x.wim"))
    rich_volume(source)
    capture(source, wim, compression="none")
    ntfs_volume(target, 24 * MIB)
    trace = tmp_path / "trace"
    program = (
        "from pathlib import Path; import sys; from tests.wim.jobs import apply;"
        "apply(Path(sys.argv[1]), 1, Path(sys.argv[2]), through_callbacks=False)"
    )
    outcome = run(
        *("strace", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync", "-o", trace),
        *(sys.executable, "-c", program, wim, target),
    )
    if "ptrace" in outcome.stderr:
        pytest.skip("this system lets nobody trace")
    assert outcome.returncode == 0, outcome.stderr
    assert len(re.findall(r"f(?:data)?sync\(", trace.read_text())) == 1
    assert comparable(oracle.volume(target)) == comparable(oracle.volume(source))


def test_libntfs_takes_the_descriptor_of_a_file() -> None:
    """Its own operations are used on plain files; in every release at hand they can be."""
    assert volume._takes_descriptors()
