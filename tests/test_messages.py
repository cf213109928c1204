from __future__ import annotations

import os
import socket
import threading
from typing import Any

import pytest

from reseal import messages
from reseal.messages import Channel, MessageError


def pair(*, binary: bool = False) -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return Channel(one.detach(), binary=binary), Channel(other.detach(), binary=binary)


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"a": 1},
        {"text": "line\nbreak \u2028 é 😀 \udc80"},
        {"deep": [[{"x": [None, 1.5]}]] * 3},
    ],
)
def test_a_message_arrives_as_it_was_sent(message: dict[str, Any]) -> None:
    one, other = pair()
    one.send(message)
    one.send({"next": True})
    one.close()
    assert [other.receive(), other.receive(), other.receive()] == [message, {"next": True}, None]


def test_a_message_larger_than_the_pipe_arrives_whole() -> None:
    one, other = pair()
    sent = {"text": "x" * (5 << 20)}
    thread = threading.Thread(target=one.send, args=(sent,))
    thread.start()
    assert other.receive() == sent
    thread.join()


def test_bytes_arrive_only_where_both_ends_expect_them() -> None:
    one, other = pair(binary=True)
    one.send({"data": bytes(range(256)), "list": [b"", bytearray(b"x")]})
    assert other.receive() == {"data": bytes(range(256)), "list": [b"", b"x"]}
    plain, _ = pair()
    with pytest.raises(TypeError):
        plain.send({"data": b"x"})


@pytest.mark.parametrize(
    "junk",
    [b"\n", b"[]\n", b"1\n", b"{\n", b"\xff\n", b"[" * 200_000 + b"\n", b'{"a": {"base64": 5}}\n',
     b'{"a": {"base64": "x"}}\n'],
)  # fmt: skip
def test_what_is_not_a_message_is_an_error(junk: bytes) -> None:
    reader, writer = os.pipe()

    def write() -> None:
        os.write(writer, junk)
        os.close(writer)

    threading.Thread(target=write).start()
    with pytest.raises(MessageError):
        Channel(reader, binary=True).receive()


def test_a_message_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MAX_MESSAGE", 1 << 16)
    one, other = pair()
    one.send({"fits": "x" * 1000})
    assert other.receive() == {"fits": "x" * 1000}
    os.write(one.fileno(), b"x" * (1 << 16) + b"x")
    with pytest.raises(MessageError):
        other.receive()


def test_what_is_cut_off_by_the_end_is_no_message_and_closing_twice_is_harmless() -> None:
    one, other = pair()
    os.write(one.fileno(), b'{"half": ')
    one.close()
    one.close()
    assert other.receive() is None
    with pytest.raises(OSError, match="Broken pipe"):
        other.send({"a": 1})
