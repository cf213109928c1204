from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reseal import process
from reseal.errors import EngineError, ImageError
from reseal.process import load_library, run_tool


def test_a_tool_says_why_it_failed() -> None:
    assert "qemu-img version" in run_tool(["qemu-img", "--version"])
    with pytest.raises(ImageError, match=r"^qemu-img failed: Could not open '/none'"):
        run_tool(["qemu-img", "info", "/none"])


def test_a_tool_that_crashes_is_named() -> None:
    with pytest.raises(ImageError, match="sh crashed"):
        run_tool(["sh", "-c", "kill -SEGV $$"])


def test_what_is_not_installed_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(process, "_SBIN", "/nowhere")
    for program, package in process.PACKAGES.items():
        with pytest.raises(EngineError, match=f"{program} is not installed") as raised:
            run_tool([program])
        assert raised.value.hint is not None
        assert package in raised.value.hint
    with pytest.raises(EngineError, match=r"libnone\.so\.1") as raised:
        load_library(["libnone.so.1"], package="libnone1")
    assert raised.value.hint is not None
    assert "libnone1" in raised.value.hint


def test_a_library_of_another_version_is_found() -> None:
    monkeypatched = load_library(["libc.so.5", "libc.so.6"], package="libc6")
    assert monkeypatched.getpid() == os.getpid()
    assert load_library(["libc.so.999"], package="libc6").getpid() == os.getpid()


@pytest.mark.parametrize("path", ["", ".", ":/nowhere", "/nowhere:", "bin:/nowhere", None])
def test_no_program_comes_from_the_folder_that_reseal_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str | None
) -> None:
    for planted in (tmp_path / "qemu-img", tmp_path / "bin" / "qemu-img"):
        planted.parent.mkdir(exist_ok=True)
        planted.write_text("#!/bin/sh\necho planted\n")
        planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    if path is None:
        monkeypatch.delenv("PATH")
    else:
        monkeypatch.setenv("PATH", path)
    if path and "/nowhere" in path:
        with pytest.raises(EngineError, match="qemu-img is not installed"):
            run_tool(["qemu-img", "--version"])
    else:  # engines are found even if PATH names no folder
        assert "qemu-img version" in run_tool(["qemu-img", "--version"])


@pytest.mark.parametrize("name", ["selectors", "json", "socket", "reseal", "sitecustomize"])
@pytest.mark.parametrize("path", [None, "", ":", ".", "relative:"])
def test_no_module_comes_from_the_folder_that_reseal_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: str | None
) -> None:
    for folder in (tmp_path, tmp_path / "relative"):
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.py").write_text("open('/proc/self/fd/1', 'w').write('planted')\n")
    monkeypatch.chdir(tmp_path)
    if path is not None:
        monkeypatch.setenv("PYTHONPATH", path)
    command = [sys.executable, "-P", "-m", "reseal.clone.worker", "none"]
    with process.spawn(command, bounded=False) as started:
        output, errors = started.communicate()
    assert output == b""
    assert b"invalid literal for int" in errors  # it came as far as its argument


def test_the_command_imports_nothing_from_the_current_folder(tmp_path: Path) -> None:
    for name in ("click", "selectors", "lxml"):
        (tmp_path / f"{name}.py").write_text("print('planted')\n")
    script = Path(sys.executable).with_name("reseal")
    for path in ("", ":", "."):
        done = subprocess.run(
            [script, "providers"],
            env=os.environ | {"PYTHONPATH": path},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "planted" not in done.stdout


def test_the_engines_are_found_in_an_empty_environment(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("reseal")
    done = subprocess.run(
        [script, "doctor"], env={}, cwd=tmp_path, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
