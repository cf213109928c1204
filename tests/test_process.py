from __future__ import annotations

import os
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


def test_no_program_comes_from_the_folder_that_reseal_runs_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted = tmp_path / "qemu-img"
    planted.write_text("#!/bin/sh\necho planted\n")
    planted.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    for path in ("", ":/nowhere"):
        monkeypatch.setenv("PATH", path)
        with pytest.raises(EngineError, match="qemu-img is not installed"):
            run_tool(["qemu-img", "--version"])
