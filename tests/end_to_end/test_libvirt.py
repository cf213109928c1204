"""A domain of two disks in a libvirtd of its own: sealed when it is shut off, refused when it runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from reseal.testing.disks import BASIC_DATA, gpt_disk
from reseal.testing.volumes import ntfs_volume
from reseal.testing.windows import windows
from tests.end_to_end import judges

pytestmark = pytest.mark.judges
NOBODY = 65534


@pytest.fixture
def hypervisor() -> Iterator[tuple[str, Path]]:
    """Start a session daemon; yield its URI and a folder that its user can read."""
    pytest.importorskip("libvirt")
    if not shutil.which("libvirtd") or not shutil.which("qemu-system-x86_64"):
        pytest.skip("libvirtd or QEMU is not installed")
    with TemporaryDirectory(prefix="reseal-libvirt-", dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o755)
        run, home = folder / "run", folder / "home"
        command = ["libvirtd", "--timeout", "60"]
        for one in (run, home):
            one.mkdir(mode=0o700)
            if os.geteuid() == 0:  # root's is the daemon of the system
                os.chown(one, NOBODY, NOBODY)
        if os.geteuid() == 0:
            drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            command = [*drop, *command]
        places = {name: str(home) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")}
        environment = os.environ | places | {"XDG_RUNTIME_DIR": str(run)}
        daemon = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
        try:
            socket = run / "libvirt" / "libvirt-sock"
            while not socket.exists():
                assert daemon.poll() is None
                time.sleep(0.05)
            yield f"qemu+unix:///session?socket={socket}", folder
        finally:
            daemon.terminate()
            daemon.wait()


def test_a_domain_of_two_disks_is_sealed_and_a_running_one_refused(
    hypervisor: tuple[str, Path],
) -> None:
    uri, folder = hypervisor
    windows(folder / "c.qcow2")
    ntfs_volume(folder / "volume", 20 << 20)
    gpt_disk(folder / "d.raw", [(folder / "volume", BASIC_DATA, "Data")])
    disks = ""
    for name, kind, target in (("c.qcow2", "qcow2", "sda"), ("d.raw", "raw", "sdb")):
        if os.geteuid() == 0:
            os.chown(folder / name, NOBODY, NOBODY)
        disks += (
            f"<disk type='file' device='disk'><driver name='qemu' type='{kind}'/>"
            f"<source file='{folder / name}'/><target dev='{target}' bus='sata'/></disk>"
        )
    domain = folder / "domain.xml"
    domain.write_text(
        "<domain type='qemu'><name>win11</name><memory unit='MiB'>64</memory>"
        f"<os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{disks}</devices></domain>"
    )
    virsh = ["virsh", "-q", "-c", uri]
    subprocess.run([*virsh, "define", domain], check=True)
    subprocess.run([*virsh, "start", "win11", "--paused"], check=True)
    refused = judges.reseal("generalize", "-d", "win11", "-c", uri)
    assert refused.returncode == 3
    assert "running or paused" in refused.stderr
    subprocess.run([*virsh, "destroy", "win11"], check=True)
    done = judges.reseal("generalize", "-d", "win11", "-c", uri, "--json")
    assert done.returncode == 0, done.stderr
    assert str(folder / "d.raw") in done.stdout
    assert judges.reseal("verify", "-d", "win11", "-c", uri).returncode == 0
