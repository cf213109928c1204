"""Reading: encodings, positions, hostile files."""

from __future__ import annotations

import codecs
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from reseal.answerfile import AnswerFile, AnswerFileError, Position
from reseal.errors import ImageError
from tests.answerfile.judges import canonical
from tests.answerfile.samples import HEAD, ROOT, SHELL, document, one

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BODY = "<ComputerName>日本-PC</ComputerName>\n<RegisteredOwner>Ünsal 😀 x</RegisteredOwner>"
TEXT = one("specialize", SHELL, BODY)

ENCODINGS = {
    "UTF-8": TEXT.encode(),
    "UTF-8 with a mark": codecs.BOM_UTF8 + TEXT.encode(),
    "UTF-8 without a declaration": TEXT.removeprefix(HEAD).encode(),
    "UTF-16LE": codecs.BOM_UTF16_LE + TEXT.replace("utf-8", "utf-16").encode("utf-16-le"),
    "UTF-16BE": codecs.BOM_UTF16_BE + TEXT.replace("utf-8", "UTF-16").encode("utf-16-be"),
    "UTF-16 by its mark alone": codecs.BOM_UTF16_LE + TEXT.removeprefix(HEAD).encode("utf-16-le"),
    "UTF-16 by its declaration alone": TEXT.replace("utf-8", "utf-16").encode("utf-16-le"),
    "Windows lines": TEXT.replace("\n", "\r\n").encode(),
    "ISO 8859-1": TEXT.replace("utf-8", "iso-8859-1").encode("iso-8859-1", "xmlcharrefreplace"),
}


@pytest.mark.parametrize("data", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_every_encoding_reads_the_same_and_is_kept(data: bytes) -> None:
    answer_file = AnswerFile(data)
    name, owner = answer_file.settings()

    assert (name.value, owner.value) == ("日本-PC", "Ünsal 😀 x")
    assert answer_file.to_bytes() == data
    edited = answer_file.edited([answer_file.markup.set_text(name.element, "PC")])
    assert edited.to_bytes() != data
    assert [setting.value for setting in edited.settings()] == ["PC", "Ünsal 😀 x"]
    back = edited.edited([edited.markup.set_text(next(edited.settings()).element, "日本-PC")])
    assert canonical(back.to_bytes()) == canonical(data)


def test_columns_count_characters_not_bytes() -> None:
    text = one("specialize", SHELL, "<!-- 日本 😀 --><ComputerName>PC</ComputerName>")

    (name,) = document(text).settings()

    assert (name.position, name.value_position) == (Position(5, 14), Position(5, 28))


def test_positions_of_attributes_and_values() -> None:
    text = (
        f"{ROOT}<settings\n  wasPassProcessed = 'true'\n  pass='specialize'>\n"
        f"<component name='{SHELL}'><ComputerName>\n   PC</ComputerName><TimeZone/>"
        "</component></settings></unattend>"
    )
    answer_file = document(text)
    (settings,) = answer_file.passes
    name, zone = answer_file.settings()

    assert settings.position == Position(2, 1)
    assert answer_file.position(settings.element, "wasPassProcessed") == Position(3, 23)
    assert answer_file.position(settings.element, "pass") == Position(4, 9)
    assert answer_file.position(settings.element, "absent") == Position(2, 1)
    assert name.value_position == Position(6, 4)
    assert zone.value_position == zone.position == Position(6, 21)


def test_lines_and_elements_are_those_of_libxml2(real_files: list[Path]) -> None:
    for path in real_files:
        data = path.read_bytes()
        answer_file = AnswerFile(data)
        theirs: list[Any] = list(etree.fromstring(data).iter("*"))
        for our, their in zip(answer_file.root.walk(), theirs, strict=True):
            # libxml2 knows the line on which a start tag ends.
            end = answer_file.markup.source.position(our.content - 1)
            assert end.line == their.sourceline
            name = etree.QName(their)
            assert (our.namespace, our.name) == (name.namespace, name.localname)
            assert our.attributes == dict(their.attrib)
            assert our.text == (their.text or "") + "".join(child.tail or "" for child in their)


def test_the_model_of_a_list_item() -> None:
    body = (
        "<Interfaces><Interface wcm:action='add'><Identifier>Ethernet</Identifier>"
        "<UnicastIpAddresses><IpAddress wcm:action='add' wcm:keyValue='1'>192.0.2.1/24</IpAddress>"
        "</UnicastIpAddresses></Interface></Interfaces>"
    )
    answer_file = document(one("specialize", "Microsoft-Windows-TCPIP", body))
    address = list(answer_file.settings())[-1]

    assert address.path == "Interfaces/Interface/UnicastIpAddresses/IpAddress"
    assert (address.action, address.key, address.pass_name) == ("add", "1", "specialize")
    assert address.component.child("interfaces/INTERFACE/identifier") is not None
    assert address.component.text_of("Interfaces/Interface/Identifier") == "Ethernet"
    assert "192.0.2.1" not in repr(address)


#: Hostile and broken files: the text, the place, and a part of the message.
BROKEN = {
    "a document type": ("<!DOCTYPE unattend>\n<unattend/>", "1:1", "document type"),
    "billion laughs": (
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>\n<a>&b;</a>',
        "1:1",
        "document type",
    ),
    "an external entity": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        "1:1",
        "document type",
    ),
    "an external DTD": ('<!DOCTYPE a SYSTEM "http://192.0.2.1/a.dtd"><a/>', "1:1", "document type"),
    "an undefined entity": ("<a>\n&nbsp;</a>", "2:1", "entity"),
    "no XML at all": ("PK\x03\x04", "1:3", "not well-formed"),
    "nothing": ("", "1:1", "no element"),
    "a NUL": ("<a>\n x\0</a>", "2:3", "NUL"),
    "an open tag": ("<a>\n<b", "2:1", "ends inside"),
    "an open element": ("<a>\n<b>\n</b>\n <c>\n", "5:1", "on line 4 is still open"),
    "a wrong end tag": ("<a>\n <b></a>", "2:7", "does not match the open element"),
    "an ampersand": ("<a>\n<b>x && y</b></a>", "2:7", "&"),
    "a lone less-than": ("<a>\n<b>x < y</b></a>", "2:7", "not well-formed"),
    "an ampersand in a name": ("<a>\n<b>R&D</b></a>", "2:5", "this & starts no reference"),
    "an ampersand in a URL": ("<a>\n<b>http://x/?a=1&b=2</b></a>", "2:17", "this & starts no"),
    "an ampersand at the end": ("<a>\n<b>x &</b></a>", "2:6", "this & starts no"),
    "an ampersand in an attribute": ("<a>\n<b c='x & y'/></a>", "2:9", "this & starts no"),
    "an entity without semicolon": ("<a>\n<b>x &amp y</b></a>", "2:6", "this & starts no"),
    "hyphens in a comment": ("<a>\n<!-- a --b --></a>", "2:8", "a comment holds --"),
    "hyphens in a long comment": (
        f"<a><!-- {'x' * 9000}\n a --b --></a>",
        "2:4",
        "a comment holds --",
    ),
    "a comment that ends in a hyphen": ("<a><!-- a ---></a>", "1:11", "a comment holds --"),
    "a less-than before a number": ("<a>\n<b>x <2</b></a>", "2:7", "the < before this place"),
    "a less-than before an equals sign": ("<a>x<=y</a>", "1:6", "the < before this place"),
    "a value without quotes": ("<a b=c/>", "1:6", "has no quotes"),
    "typographic quotes": ("<a b=“c”/>", "1:6", "typographic quotes"),
    "an attribute without a value": ("<a b/>", "1:5", "has no value"),
    "attributes without a space": ("<a b='1'c='2'/>", "1:9", "a space is missing after the value"),
    "a quote that is not closed": ("<a b='1>\n<c d='2'/></a>", "2:1", "this < is inside a tag"),
    "an end tag without its end": ("<a>\n<b>x</b\n</a>", "3:1", "this < is inside a tag"),
    "an end tag too many": ("<a>\n</a></a>", "2:5", "follows the end of the root element"),
    "an end tag too many, later": ("<a/>\n\n</b>", "3:1", "follows the end of the root element"),
    "a comment without exclamation mark": ("<a>\n<-- x --></a>", "2:2", "no tag and no comment"),
    "a comment with one hyphen": ("<a>\n<!- x -></a>", "2:4", "no tag and no comment"),
    "a comment with no hyphen": ("<a>\n<! x ></a>", "2:3", "no tag and no comment"),
    "a declaration in capitals": ("<?XML version='1.0'?><a/>", "1:6", "the XML declaration is not"),
    "CDATA that is not closed": ("<a>\n<b><![CDATA[x</b></a>\n", "2:4", "the CDATA section"),
    "a last quote that is not closed": ("<a>\n<b c='1/>\n", "2:1", "a quote in the tag"),
    "a comment that is not closed": ("<a>\n<!-- x", "2:1", "the comment that starts here"),
    "the end of CDATA": ("<a>x]]></a>", "1:5", "a text holds ]]>"),
    "a control character": ("<a>\n\x1b</a>", "2:1", "U+001B"),
    "a reference to NUL": ("<a>\n&#0;</a>", "2:1", "a character that XML forbids"),
    "text before the root": ("x <a/>", "1:1", "text outside of the root element"),
    "a declaration without quotes": (
        "<?xml version=1.0?><a/>",
        "1:15",
        "the XML declaration is not",
    ),
    "two roots": ("<a/>\n<b/>", "2:1", "follows the end"),
    "two attributes of a name": ("<a b='1' b='2'/>", "1:10", "twice"),
    "an unknown prefix": ("<a>\n<b wcm:action='add'/></a>", "2:1", "prefix"),
    "a late declaration": ("\n<?xml version='1.0'?><a/>", "2:1", "not at the start"),
    "10,000 levels": ("<a>" * 10_000, "1:193", "nested more than 64 deep"),
    "a long name": (f"<a>\n<{'b' * 257}/></a>", "2:1", "a name has more than 256"),
    "a long namespace": (f"<a>\n<b xmlns='{'c' * 257}'/></a>", "2:1", "a namespace has more than"),
    "too many elements": ("<a>" + "<b/>\n" * 60_000, "50000:1", "more than 50,000 elements"),
}


@pytest.mark.parametrize(("text", "place", "message"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_are_clear_errors(text: str, place: str, message: str) -> None:
    with pytest.raises(AnswerFileError) as caught:
        document(text)

    assert str(caught.value.position) == place
    assert caught.value.message.startswith(f"unattend.xml:{place}: ")
    assert message in caught.value.message
    assert isinstance(caught.value, ImageError)


#: Faults in which the start of an element is named, or how its name differs.
HINTS = {
    "an open tag before": ("<a>\n<b c='1'\n d='2>\n<e/></a>", "tag that starts on line 2"),
    "a quote in an earlier line": ("<a>\n<b\n c='>\n\n<e/></a>", "tag that starts on line 2"),
    "other capitals": ("<a>\n<Bc>x</bc></a>", "differs in case from the start tag on line 2"),
    "other capitals of the root": ("<Unattend>\n</unattend>", "differs in case from the start tag"),
    "other capitals of a prefix": ("<X:a xmlns:X='u'>\n</x:a>", "differs in case from the start"),
    "another name": ("<a>\n<b>x</c></a>", "Close the element of line 2 first"),
    "a name that goes on": ("<a>\n<b>x</Bc></a>", "Close the element of line 2 first"),
}


@pytest.mark.parametrize(("text", "hint"), HINTS.values(), ids=HINTS.keys())
def test_hints_lead_to_the_start_of_the_element(text: str, hint: str) -> None:
    with pytest.raises(AnswerFileError) as caught:
        document(text)

    assert hint in (caught.value.hint or "")


MISENCODED = {
    "two marks of UTF-8": codecs.BOM_UTF8 * 2 + TEXT.encode(),
    "two marks of UTF-16": codecs.BOM_UTF16_LE * 2
    + TEXT.replace("utf-8", "utf-16").encode("utf-16-le"),
    "a mark of UTF-8 and one more in other bytes": codecs.BOM_UTF8 + "\ufeff\ufeff<a/>".encode(),
    "UTF-16 that says UTF-8": codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le"),
    "UTF-8 that says UTF-16": TEXT.replace("utf-8", "utf-16").encode(),
    "UTF-8's mark before another name": codecs.BOM_UTF8
    + TEXT.replace("utf-8", "windows-1252").encode(),
    "no UTF-8": TEXT.encode().replace("Ü".encode(), b"\xdc"),
    "UTF-16 without mark or declaration": TEXT.removeprefix(HEAD).encode("utf-16-le"),
    "an unknown encoding": TEXT.replace("utf-8", "ebcdic-cp-us").encode(),
    "a codec of Python's that is no encoding": TEXT.replace("utf-8", "zlib").encode(),
    "half a character of UTF-16": codecs.BOM_UTF16_LE + "<a/>".encode("utf-16-le") + b"\x00",
    "a lone surrogate": codecs.BOM_UTF16_LE + "<a>\ud800</a>".encode("utf-16-le", "surrogatepass"),
    "UTF-32": TEXT.encode("utf-32"),
    "UTF-32, the other byte order": codecs.BOM_UTF32_BE + TEXT.encode("utf-32-be"),
    "UTF-32 without its mark": TEXT.encode("utf-32-le"),
    "UTF-32 without its mark, the other byte order": TEXT.encode("utf-32-be"),
    "UTF-16 behind the mark of UTF-8": codecs.BOM_UTF8 + TEXT.encode("utf-16-be"),
    "UTF-7": b"+ADw-unattend/+AD4-",
}


@pytest.mark.parametrize("data", MISENCODED.values(), ids=MISENCODED.keys())
def test_wrong_encodings_are_clear_errors(data: bytes) -> None:
    with pytest.raises(AnswerFileError) as caught:
        AnswerFile(data)

    assert caught.value.position is not None


def test_a_byte_that_is_no_utf8_is_found() -> None:
    with pytest.raises(AnswerFileError, match=r"^unattend.xml:6:18: the bytes here are not utf-8$"):
        AnswerFile(MISENCODED["no UTF-8"])


SIZE = 2 << 20

#: Hostile files of the size that is just read, and a larger one.
HUGE: dict[str, Callable[[], bytes]] = {
    "100 MB": lambda: b"<a>" + b"x" * 100_000_000,
    "one text": lambda: b"<a>" + b"x" * (SIZE - 7) + b"</a>",
    "line ends": lambda: b"<a>" + b"\n" * (SIZE - 7) + b"</a>",
    "odd line ends": lambda: b"<a>" + b"\r" * (SIZE - 7) + b"</a>",
    "ampersands": lambda: b"<a>" + b"&amp;" * 419_000 + b"</a>",
    "elements": lambda: b"<a>" + b"<b/>" * 500_000 + b"</a>",
    "attributes": lambda: b"<a " + b"".join(b'b%d="" ' % n for n in range(150_000)) + b"/>",
    "levels": lambda: b"<a>" * 690_000,
    "comments": lambda: b"<a>" + b"<!---->" * 290_000 + b"</a>",
    "namespaces": lambda: (
        b"<a " + b"".join(b'xmlns:b%d="%d" ' % (n, n) for n in range(85_000)) + b"/>"
    ),
    "declarations": lambda: (
        b"<a>" + b"".join(b'<b xmlns:c="%d"/>' % n for n in range(49_000)) + b"</a>"
    ),
    "billion laughs": lambda: (
        b'<!DOCTYPE a [<!ENTITY a0 "ha">'
        + b"".join(b'<!ENTITY a%d "%s">' % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 30))
        + b"]><a>&a29;</a>"
    ),
}


def shell(body: str) -> bytes:
    return one("oobeSystem", SHELL, body).encode()


#: Files that are answer files, only with very much of something.
MUCH: dict[str, Callable[[], bytes]] = {
    "values of a password": lambda: shell(f"<Password>{'<Value>x</Value>' * 5_000}</Password>"),
    "unknown settings": lambda: shell("".join(f"<ComputerNam{n}/>" for n in range(11_000))),
    "components": lambda: one(
        "specialize", SHELL, "</component><component>".join([""] * 10_000)
    ).encode(),
    "resealings": lambda: one(
        "auditUser", "Microsoft-Windows-Deployment", "<Reseal><Mode>Audit</Mode></Reseal>" * 5_000
    ).encode(),
    "accounts": lambda: shell(
        "<UserAccounts><LocalAccounts>"
        + "<LocalAccount><Name>x</Name><Password><Value>y</Value></Password></LocalAccount>" * 1_500
        + "</LocalAccounts></UserAccounts><AutoLogon><Username>x</Username></AutoLogon>"
    ),
    "wrong time zones": lambda: shell("<TimeZone>Pacific Standart Time</TimeZone>" * 10_000),
    "schtasks": lambda: shell(
        "<FirstLogonCommands><SynchronousCommand><CommandLine>"
        + "schtasks net use psexec curl " * 40_000
        + "</CommandLine></SynchronousCommand></FirstLogonCommands>"
    ),
    "variables": lambda: shell(
        "<RegisteredOwner>" + "{{a$b$__c_d" * 100_000 + "</RegisteredOwner>"
    ),
    "misplaced settings": lambda: shell("<HideEULAPage>true</HideEULAPage>" * 11_000),
    "commands": lambda: shell(
        "<FirstLogonCommands>"
        + "<SynchronousCommand><CommandLine>a</CommandLine></SynchronousCommand>" * 5_000
        + "</FirstLogonCommands>"
    ),
    "disks": lambda: one(
        "windowsPE",
        "Microsoft-Windows-Setup",
        "<DiskConfiguration>"
        + "<Disk><DiskID>0</DiskID><WillWipeDisk>true</WillWipeDisk></Disk>" * 2_000
        + "</DiskConfiguration><ImageInstall>"
        + "<OSImage><InstallTo><PartitionID>1</PartitionID></InstallTo></OSImage>" * 1_250
        + "</ImageInstall>",
    ).encode(),
}


#: Steps of a plain loop that take a tenth of a second on an idle machine of 2024.
LOOP = 2_000_000


def measured(data: bytes, folder: Path, script: str) -> tuple[str, float, int]:
    """Run a script on a file in a child; return what it prints, its CPU seconds and its MiB.

    The seconds are those of a machine that needs a tenth of one for the loop: a slow or busy one
    needs more for both.
    """
    path = folder / "unattend.xml"
    path.write_bytes(data)
    whole = f"""
        import pathlib, re, resource, time
        from reseal.answerfile import *
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        path = pathlib.Path({str(path)!r})
        before = time.process_time()
        sum(number * number for number in range({LOOP}))
        unit = time.process_time() - before
        before = time.process_time()
        try:
            {script}
        except AnswerFileError as error:
            print(len(error.message), end="")
        print(",", (time.process_time() - before) / unit / 10, ",", end="")
        status = pathlib.Path("/proc/self/status").read_text()
        print(int(re.search(r"VmHWM:\\s+(\\d+)", status).group(1)) >> 10)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(whole)],
        check=True,
        capture_output=True,
        text=True,
    )
    printed, seconds, megabytes = done.stdout.split(",")
    return printed, float(seconds), int(megabytes)


@pytest.mark.parametrize("make", HUGE.values(), ids=HUGE.keys())
def test_huge_files_take_little_time_and_memory(make: Callable[[], bytes], tmp_path: Path) -> None:
    script = "document = AnswerFile.load(path); check(document); show(document)"
    printed, seconds, megabytes = measured(make(), tmp_path, script)

    assert not printed or int(printed) < 500
    assert seconds < 1
    assert megabytes < 256


@pytest.mark.parametrize("make", MUCH.values(), ids=MUCH.keys())
def test_very_much_of_something_is_no_hang(make: Callable[[], bytes], tmp_path: Path) -> None:
    script = (
        "document = AnswerFile.load(path); check(document); show(document); formatted(document); "
        "merge(document, document); scrub(document); hide_passwords(document)"
    )
    printed, seconds, megabytes = measured(make(), tmp_path, script)

    assert printed == ""
    assert seconds < 6  # what takes a time that grows as the square of the size takes more
    assert megabytes < 200


_TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Cn"), include_characters="\n\t")
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_text_written_is_text_read(data: st.DataObject) -> None:
    """Whatever text a setting gets, and however often, another parser reads the same."""
    answer_file = AnswerFile(data.draw(st.sampled_from(list(ENCODINGS.values()))))
    first, second = data.draw(_TEXTS), data.draw(_TEXTS)
    name, owner = answer_file.settings()

    edited = answer_file.edited(
        [
            answer_file.markup.set_text(owner.element, second),
            answer_file.markup.set_text(name.element, first),
        ]
    )

    assert [setting.value for setting in edited.settings()] == [first, second]
    theirs = etree.fromstring(edited.to_bytes())
    assert [element.text or "" for element in theirs[0][0]] == [first, second]
    assert AnswerFile(edited.to_bytes()).to_bytes() == edited.to_bytes()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(list(ENCODINGS.values())), st.integers(0, 2000))
def test_junk_is_an_answer_file_error_or_reads_back(junk: bytes, data: bytes, place: int) -> None:
    mutated = data[: place % len(data)] + junk + data[place % len(data) + len(junk) :]
    try:
        answer_file = AnswerFile(mutated)
    except AnswerFileError as error:
        assert error.message.isprintable()  # noqa: PT017
        return
    assert answer_file.to_bytes() == mutated


@pytest.mark.parametrize("text", [text for text, _, _ in BROKEN.values() if len(text) < 200])
def test_no_message_quotes_the_file(text: str) -> None:
    """What breaks the form may be part of a password."""
    marked = (
        text.replace("x", "S3cret").replace("R&D", "S3cret&S3cret").replace("?a=1", "?S3cret=1")
    )
    try:
        document(marked)
    except AnswerFileError as error:
        assert "S3cret" not in f"{error.message} {error.hint}"  # noqa: PT017
