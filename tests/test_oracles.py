"""What other readers saw in a large hive is read once in a run, and never mixed up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import oracles
from tests.oracles import kept

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_large_hive_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(oracles.KEPT, str(tmp_path))
    asked: list[tuple[str, bytes]] = []

    def look(reader: str, data: bytes) -> tuple[str, bytes]:
        asked.append((reader, data[:1]))
        return reader, data[:1]

    one, other, small = b"1" * 300_000, b"2" * 300_000, b"3" * 100
    for _ in range(2):
        assert kept("hivex", one, look) == ("hivex", b"1")
        assert kept("hivex", other, look) == ("hivex", b"2")
        assert kept("regipy", one, look) == ("regipy", b"1")
        assert kept("hivex", small, look) == ("hivex", b"3")
    assert asked == [
        *(("hivex", b"1"), ("hivex", b"2"), ("regipy", b"1"), ("hivex", b"3")),
        ("hivex", b"3"),
    ]


def test_without_a_run_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(oracles.KEPT, raising=False)
    asked: list[str] = []

    def look(reader: str, _data: bytes) -> str:
        asked.append(reader)
        return reader

    assert [kept("hivex", bytes(300_000), look) for _ in range(2)] == ["hivex", "hivex"]
    assert len(asked) == 2
