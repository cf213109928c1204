"""libwim in a worker of a process that has loaded it already."""

from __future__ import annotations

import ctypes
from pathlib import Path

from reseal.sandbox import Limits
from reseal.wim import library
from reseal.worker import run_worker


def test_a_worker_hears_the_messages_of_its_own_calls(tmp_path: Path) -> None:
    outer = library.load()
    outer.forget_messages()
    wrong = tmp_path / "wrong.wim"
    wrong.write_bytes(b"not a WIM" * 100)

    def job(_: object) -> str:
        loaded = library.load()
        loaded.forget_messages()
        handle = ctypes.c_void_p()
        path = str(wrong).encode()
        assert loaded.calls.wimlib_open_wim_with_progress(
            path, 0, ctypes.byref(handle), library.PROGRESS(), None
        )
        return loaded.last_message()

    assert "magic" in run_worker(job, subject="the file", limits=Limits(reads=(wrong,)))
    assert outer.last_message() == ""
