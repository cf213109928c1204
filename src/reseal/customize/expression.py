"""Regular expressions that edit text files."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from reseal.errors import UsageError

#: The largest text file that is edited.
MAX_TEXT = 16 << 20

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|$)")


@dataclass(frozen=True, slots=True)
class Expression:
    """`s/pattern/text/flags`."""

    pattern: re.Pattern[str]
    text: str
    every: bool

    def apply(self, data: bytes) -> bytes:
        """Return the content of a file with each line edited."""
        mark, encoding = next((one for one in _MARKS if data.startswith(one[0])), (b"", ""))
        if not encoding:
            encoding = "utf-8" if _is_utf8(data) else "latin-1"
        text = data[len(mark) :].decode(encoding, "surrogatepass")
        edited = "".join(map(self._line, _LINE.findall(text)))
        try:
            return mark + edited.encode(encoding, "surrogatepass")
        except UnicodeEncodeError as error:
            msg = "The text has characters that the file's encoding does not have."
            raise UsageError(msg, "Use characters that are in the file's code page.") from error

    def _line(self, line: str) -> str:
        end = line[len(line.rstrip("\r\n")) :]
        body = line[: len(line) - len(end)]
        if not line:
            return line
        return self.pattern.sub(self.text, body, count=0 if self.every else 1) + end


def parse(text: str) -> Expression:
    """Parse `s/pattern/text/flags`.

    Raises:
        UsageError: it is not of this form.
    """
    hint = "Write s/PATTERN/TEXT/ and optionally g or i; another character can replace the slash."
    if len(text) < 4 or text[0] != "s" or text[1].isalnum() or text[1] in "\\ ":
        msg = f"{text[:60]!r} is not an expression."
        raise UsageError(msg, hint)
    separator = re.escape(text[1])
    found = re.split(rf"(?<!\\){separator}", text[2:])
    if len(found) != 3 or set(found[2]) - set("gi"):
        msg = f"{text[:60]!r} is not an expression."
        raise UsageError(msg, hint)
    pattern, new, flags = found
    plain = f"\\{text[1]}"
    try:
        compiled = re.compile(
            pattern.replace(plain, text[1]), re.IGNORECASE if "i" in flags else re.NOFLAG
        )
        new = new.replace(plain, text[1])
        # Check the references in the text now, not in the middle of a run.
        re.compile(rf"{compiled.pattern}|", compiled.flags).sub(new, "")
    except (re.error, IndexError) as error:
        msg = f"{text[:60]!r} is not an expression: {error}."
        raise UsageError(msg, hint) from error
    return Expression(compiled, new, "g" in flags)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
