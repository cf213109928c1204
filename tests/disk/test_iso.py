"""ISO images that other programs made: ISO 9660, Joliet, Rock Ridge, UDF."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from reseal.disk import DiskError
from reseal.disk.iso import install_image, is_iso, unpack_drivers
from reseal.errors import ImageError

#: How each kind is made.
MAKERS = {
    "udf": ["genisoimage", "-quiet", "-udf", "-iso-level", "3"],
    "udf and joliet": ["genisoimage", "-quiet", "-udf", "-J"],
    "iso 9660": ["xorriso", "-as", "mkisofs", "-quiet"],
    "joliet": ["xorriso", "-as", "mkisofs", "-quiet", "-J"],
    "rock ridge": ["xorriso", "-as", "mkisofs", "-quiet", "-R"],
}
DATA = random.Random(1).randbytes(300_000)


def make(kind: str, source: Path, target: Path) -> Path:
    command = MAKERS[kind]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    subprocess.run([*command, "-o", str(target), str(source)], check=True, capture_output=True)
    return target


def tree(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.mark.parametrize("kind", MAKERS)
def test_the_install_image_of_a_medium_is_found(tmp_path: Path, kind: str) -> None:
    source = tree(
        tmp_path / "source", sources__install_wim=DATA, sources__boot_wim=b"b", setup_exe=b"MZ"
    )
    path = make(kind, source, tmp_path / "windows.iso")
    assert is_iso(path)
    with install_image(path) as image:
        assert image.name == "install.wim"
        assert image.read_bytes() == DATA
    assert not image.exists()


def test_a_split_image_comes_with_its_parts(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", sources__install_swm=DATA, sources__install2_swm=b"two")
    with install_image(make("udf", source, tmp_path / "windows.iso")) as image:
        assert sorted(one.name for one in image.parent.iterdir()) == ["install.swm", "install2.swm"]


def test_another_file_is_taken_as_it_is(tmp_path: Path) -> None:
    wim = tmp_path / "install.wim"
    wim.write_bytes(b"MSWIM\0\0\0")
    with install_image(wim) as image:
        assert image is wim
    renamed = wim.rename(tmp_path / "x.iso")
    assert not is_iso(renamed)


def test_a_medium_without_an_install_image_is_refused(tmp_path: Path) -> None:
    path = make("iso 9660", tree(tmp_path / "source", readme_txt=b"x"), tmp_path / "x.iso")
    with pytest.raises(DiskError, match="holds no install image"), install_image(path):
        pass


def test_a_medium_with_two_install_images_names_them(tmp_path: Path) -> None:
    source = tree(
        tmp_path / "source", x64__sources__install_wim=b"1", x86__sources__install_esd=b"2"
    )
    path = make("udf", source, tmp_path / "x.iso")
    with pytest.raises(DiskError, match=r"several install images.*x64.*x86"), install_image(path):
        pass


def test_errors_name_the_medium_and_not_the_copy(tmp_path: Path) -> None:
    source = tree(tmp_path / "source", sources__install_wim=DATA)
    path = make("udf", source, tmp_path / "x.iso")

    def fail() -> None:
        with install_image(path) as image:
            message = f"{image} is damaged."
            raise ImageError(message, None)

    with pytest.raises(ImageError) as error:
        fail()
    assert error.value.message == f"install.wim of {path} is damaged."


@pytest.mark.parametrize("size", [40_000, 60_000, 200_000])
def test_a_truncated_medium_is_refused(tmp_path: Path, size: int) -> None:
    source = tree(tmp_path / "source", sources__install_wim=DATA)
    path = make("udf", source, tmp_path / "x.iso")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(DiskError), install_image(path):
        pass


def test_random_damage_is_an_error_or_the_same_content(tmp_path: Path) -> None:
    numbers = random.Random(7)
    source = tree(tmp_path / "source", drivers__a_inf=b"x" * 3000, drivers__a_sys=DATA[:9000])
    whole = make("udf", source, tmp_path / "x.iso").read_bytes()
    damaged = tmp_path / "damaged.iso"
    for turn in range(40):
        data = bytearray(whole)
        for _ in range(20):
            data[numbers.randrange(32768, len(data))] = numbers.randrange(256)
        damaged.write_bytes(data)
        folder = tmp_path / f"out {turn}"
        folder.mkdir()
        try:
            unpack_drivers(damaged, folder)
        except DiskError:
            continue
        assert all(one.resolve().is_relative_to(folder) for one in folder.rglob("*"))


@pytest.mark.parametrize("kind", ["joliet", "rock ridge", "udf", "iso 9660"])
def test_only_folders_with_drivers_are_copied(tmp_path: Path, kind: str) -> None:
    source = tree(
        tmp_path / "source",
        viostor__w11__amd64__viostor_inf=b"[Version]", viostor__w11__amd64__viostor_sys=DATA,
        docs__big_txt=DATA,
    )  # fmt: skip
    path = make(kind, source, tmp_path / "virtio-win.iso")
    folder = tmp_path / "out"
    folder.mkdir()
    unpack_drivers(path, folder)
    found = sorted(one.relative_to(folder).as_posix().lower() for one in folder.rglob("*.*"))
    assert found == ["viostor/w11/amd64/viostor.inf", "viostor/w11/amd64/viostor.sys"]
