"""The secrets in an answer file, and how Windows hides and deletes them.

Hiding (documented: Hide Sensitive Data in an Answer File; seen: the reference's own examples, and
21 real files): `PlainText` is `false`, and `Value` is the base64 of the UTF-16LE of the password
followed by the name of the element that holds the two, such as `Password`. This keeps a password
from being read over a shoulder; it is not encryption.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator

from reseal.answerfile.document import AnswerFile, Setting
from reseal.answerfile.markup import Edit
from reseal.answerfile.variables import is_template
from reseal.errors import ResealError
from reseal.windows import answer_files

DELETED = answer_files.DELETED

#: Shown in place of a secret.
HIDDEN = "(hidden)"

#: The suffixes of hidden passwords, where the name of the element is not the only one seen: the
#: reference's example of OfflineAdministratorPassword ends with the shorter name.
SUFFIXES = {
    "OfflineAdministratorPassword": ("OfflineAdministratorPassword", "AdministratorPassword"),
}

#: Passwords that Windows System Image Manager hides (documented; for OfflineLocalAccounts too, by
#: the page of its PlainText). It is not known which suffix Windows expects of
#: OfflineAdministratorPassword, so that one is left alone.
HIDEABLE = frozenset({"Password", "AdministratorPassword"})

#: Secrets without PlainText (documented: passwords of domain accounts are not hidden). AccountData
#: is the blob of an offline domain join, with the machine's password in it.
_NAMES = frozenset({"password", "machinepassword", "faxuserpassword", "accountdata"})

_LIKE_PASSWORD = re.compile(r"(?i)pas+[a-z]?w|pwd")

#: A word of a command, and what is hidden of one: with its quotes.
_WORD = r"""(?:"[^"]*"|'[^']*'|\S+)"""
_VALUE = r"""("[^"]*"|'[^']*'|[^\s;&|)]+)"""

#: The part of a command that is searched; Windows accepts at most 1,024 characters.
LONGEST_COMMAND = 16_384

#: Passwords in the commands of answer files, as far as they can be told by their form (seen).
_IN_COMMANDS = (
    # options may stand before the name: net user /add NAME PASSWORD
    re.compile(
        r"""(?i)(\bnet1?(?:\.exe)?\s+user\s+(?:/\S+\s+){0,9}(?:"[^"]+"|[^\s"/]\S*)\s+(?:/\S+\s+){0,9})"""
        r"""(?![/\\&|<>])("[^"]*"|\S+)"""
    ),
    re.compile(
        r"""(?i)((?:[-/]{1,2}|\b)(?:[a-z_]*(?:password|passwd|passphrase|pwd)|pass|token|"""
        r"""(?:\w{1,30}_)?secret(?:_\w{1,30})?|(?:x-)?api-?key)"""
        r"""(?:\s*[:=]\s*|\s+))(?![-/]|\((?:\w+-\w|\$))("[^"]*"|'[^']*'|[^\s;&|)]+)"""
    ),
    # switches may stand before the text
    re.compile(
        rf"""(?i)(ConvertTo-SecureString\s+(?:(?:-AsPlainText|-Force|-String)\s+){{0,9}})(?!-){_VALUE}"""
    ),
    # [NetworkCredential]::new('NAME', 'PASSWORD'), New-Object PSCredential('NAME', 'PASSWORD')
    re.compile(
        r"""(?i)((?:Network|PS)Credential\]?[:\w\s]{0,20}\(\s*(?:"[^"]*"|'[^']*'|[^\s,()]+)\s*,\s*)"""
        r"""("[^"]*"|'[^']*')"""
    ),
    # $pw = 'PASSWORD', $adminPass = "PASSWORD"
    re.compile(
        r"""(?i)(\$(?:\w*(?:password|passwd|passphrase|pass|pwd)|pw)\s*=\s*)("[^"]*"|'[^']*')"""
    ),
    re.compile(r"""(?i)(/v\s+"?(?:Alt)?DefaultPassword"?\s.*?/d\s+)("[^"]*"|\S+)"""),
    re.compile(r"(?i)(://[^/\s:@]+:)([^/\s@]+)(?=@)"),
    # net use X: \\server\share /user:NAME PASSWORD, and net use \\server\share PASSWORD /user:NAME
    re.compile(
        rf"""(?i)(\bnet1?(?:\.exe)?\s+use\b[^&|<>]{{0,400}}?\s/u(?:ser)?:{_WORD}\s+)(?![/\\*]){_VALUE}"""
    ),
    re.compile(
        rf"""(?i)(\bnet1?(?:\.exe)?\s+use\s+(?:(?:[a-z]:|\*)\s+)?"?\\\\[^\s"]+"?\s+)(?![/*]){_VALUE}"""
    ),
    # netdom /PasswordD:, /pd: and their like; cmdkey /pass:
    re.compile(rf"""(?i)(\s[-/](?:password[a-z]?|pass|pw)\s*[:=]\s*)(?![/*]){_VALUE}"""),
    re.compile(rf"""(?i)(\bnetdom\b[^&|]{{0,400}}?\s[-/]p[dost]\s*[:=]\s*)(?![/*]){_VALUE}"""),
    # schtasks /ru NAME /rp PASSWORD, /p PASSWORD
    re.compile(
        rf"""(?i)(\bschtasks(?:\.exe)?\b[^&|]{{0,900}}?\s[-/](?:rp|p)(?:\s+|:))(?![/*]){_VALUE}"""
    ),
    # psexec, psservice …: -u NAME -p PASSWORD; winrs -p:PASSWORD; sqlcmd and bcp -P PASSWORD
    re.compile(
        rf"""(?i)(\b(?:ps(?:exec|service|kill|list|info|shutdown|loggedon|getsid|file)(?:64)?"""
        rf"""|winrs|sqlcmd|bcp|osql|putty|plink|pscp|psftp|sshpass|mysql|paexec|certutil)(?:\.exe)?"?\b[^&|]{{0,400}}?"""
        rf"""\s[-/]p(?:w)?(?:\s+|:|=))(?![-/]){_VALUE}"""
    ),
    # curl -u NAME:PASSWORD, --user; wget --http-password is above
    re.compile(
        r"""(?i)(\bcurl(?:\.exe)?\b[^&|]{0,900}?\s(?:-u\s*|--user[\s=]+|--proxy-user[\s=]+)"?'?[^\s:"'-][^\s:"']*:)"""
        r"""([^\s"']+)"""
    ),
    # 7z and rar write the password directly behind the letter
    re.compile(
        rf"""(?i)((?<![.\w])(?:7z[ar]?|rar|unrar)(?:\.exe)?"?\s[^&|]{{0,400}}?\s-p){_VALUE}"""
    ),
    re.compile(rf"""(?i)(\bnetsh\b[^&|]{{0,400}}?\s(?:key|keyMaterial)\s*=\s*){_VALUE}"""),
    # a profile of a wireless network, also as cmd's echo writes it
    re.compile(r"""(?i)(\^?<keyMaterial\^?>)(.{1,200}?)(?=\^?</keyMaterial)"""),
    re.compile(r"""(?i)(\bAuthorization\s*[:=]\s*["']?(?:Basic|Bearer)\s+)([^\s"']+)"""),
    # sc config … password= PASSWORD; vncserver and installers: PASSWORD=…, ADMINPASS=… are above
    re.compile(
        rf"""(?i)(\bautologon(?:64)?(?:\.exe)?"?(?:\s+[-/]accepteula)?\s+\S+\s+\S+\s+)(?![-/]){_VALUE}"""
    ),
)

#: A script that powershell.exe gets encoded: base64 of UTF-16 (documented: about_PowerShell_exe).
_ENCODED = re.compile(
    r"(?i)(\s[-/](?:e|ec|en|enc|enco|encod|encode|encoded|encodedc[a-z]*)\s+[\"']?)([A-Za-z0-9+/=]{16,})"
)
#: A product key that a command hands to Windows, as slmgr /ipk does.
_PRODUCT_KEY = re.compile(r"(?i)\b((?:[A-Z0-9]{5}-){4})([A-Z0-9]{5})\b")


class NotHiddenError(ResealError, ValueError):
    """A value is not a password that was hidden as Windows does it. The message omits the value."""


class Secret:
    """A text that its repr and messages hide."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text."""
        return self._text

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)


def hide(password: str, element: str) -> str:
    """Return the hidden form of a password in an element of that name."""
    return base64.b64encode((password + element).encode("utf-16-le")).decode()


def unhide(value: str, element: str) -> str:
    """Return the password behind a hidden value.

    Raises:
        NotHiddenError: the value is not base64 of UTF-16, or does not end with the element's name.
    """
    try:
        # An example of the reference lacks the padding.
        packed = "".join(value.split()).rstrip("=")
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True)
        text = raw.decode("utf-16-le")
    except (binascii.Error, ValueError):
        raise NotHiddenError("the value is not base64 of UTF-16 text") from None
    for suffix in SUFFIXES.get(element, (element,)):
        if text.endswith(suffix):
            return text.removesuffix(suffix)
    raise NotHiddenError(f"the value does not end with {element} when it is decoded")


def is_product_key(setting: Setting) -> bool:
    """Whether a setting is a product key, or the element around one."""
    name, around = setting.name.casefold(), setting.parent.name.casefold()
    return name == "productkey" or (name, around) == ("key", "productkey")


def is_secret(setting: Setting) -> bool:
    """Whether a setting's text must not be shown: passwords, product keys, join blobs.

    Whatever looks like a password counts, so that a misspelt name hides its value too.
    """
    name = setting.name.casefold()
    if name == "plaintext":
        return False
    if name in _NAMES or is_product_key(setting) or _LIKE_PASSWORD.search(setting.path):
        return True
    return name == "value" and setting.parent.child("PlainText") is not None


def secrets(document: AnswerFile) -> Iterator[Setting]:
    """Yield every leaf that holds a secret, empty and deleted ones left out."""
    for setting in document.settings():
        if is_secret(setting) and not setting.children and setting.text not in {"", DELETED}:
            yield setting


def password_of(setting: Setting) -> Secret | None:
    """Return the password of a Password element (with Value, PlainText), or None without Value.

    Raises:
        NotHiddenError: PlainText is false, and the value is not hidden as Windows does it.
    """
    value = setting.child("Value")
    if value is None:
        return None
    if setting.text_of("PlainText").casefold() == "false":
        return Secret(unhide(value.text, setting.name))
    return Secret(value.value)


def shown(setting: Setting, limit: int = 60) -> str:
    """Return a setting's text for a message: quoted, shortened, and hidden where it is a secret."""
    if is_secret(setting):
        return HIDDEN if setting.text else '""'
    text = " ".join(conceal(setting.text).split())
    return f'"{text[: limit - 1]}…"' if len(text) > limit else f'"{text}"'


def conceal(command: str) -> str:
    """Return a command without the passwords and product keys that can be told by their form."""
    command, rest = command[:LONGEST_COMMAND], command[LONGEST_COMMAND:]
    command = _without_passwords(command) + (HIDDEN if rest else "")
    # Windows itself shows the last group.
    return _PRODUCT_KEY.sub(lambda match: HIDDEN + "-" + match.group(2), command)


def holds_password(command: str) -> bool:
    """Whether a password seems to be in a command; a variable is none."""
    command = command[:LONGEST_COMMAND]
    return (
        any(
            _is_given(match.group(2))
            for pattern in _IN_COMMANDS
            for match in pattern.finditer(command)
        )
        or _ENCODED.sub(_hidden_script, command) != command
    )


def _without_passwords(command: str) -> str:
    for pattern in _IN_COMMANDS:
        command = pattern.sub(_hidden, command)
    return _ENCODED.sub(_hidden_script, command)


def _is_given(word: str) -> bool:
    """Whether a word is a password rather than a variable of PowerShell, cmd or a template."""
    return not (is_template(word) or _VARIABLE.fullmatch(word.strip("\"'")))


#: $pw, $env:PW, ${x}, %PW%, *, the start of {{ x }} or of a call in parentheses.
_VARIABLE = re.compile(r"\$[A-Za-z_{(][^\s]*|%\w+%|!\w+!|\*|\{\{.*|\}\}.*|\(.*|<.*>")


def _hidden(match: re.Match[str]) -> str:
    word = match.group(2)
    shown_already = is_template(word) or word.startswith(("{{", "}}", HIDDEN.rstrip(")")))
    return match.group() if shown_already else match.group(1) + HIDDEN


def _hidden_script(match: re.Match[str]) -> str:
    """Hide an encoded script that holds a password."""
    try:
        packed = match.group(2).rstrip("=")
        raw = base64.b64decode(packed + "=" * (-len(packed) % 4))
        script = raw.decode("utf-16-le")
    except (binascii.Error, ValueError):
        return match.group()
    hidden = any(pattern.sub(_hidden, script) != script for pattern in _IN_COMMANDS)
    return match.group(1) + HIDDEN if hidden else match.group()


def hide_passwords(document: AnswerFile) -> tuple[AnswerFile, list[Setting]]:
    """Hide every password of a local account, as Windows System Image Manager does.

    Returns:
        The new document, and the secrets of the old one that stay readable: passwords of domain
        accounts, product keys, and passwords whose hidden form is not known.
    """
    edits: list[Edit] = []
    left: list[Setting] = []
    markup = document.markup
    for value in secrets(document):
        holder = value.parent
        if value.name != "Value" or holder.name not in HIDEABLE:
            left.append(value)
            continue
        flag = holder.child("PlainText")
        if flag is not None and flag.text.casefold() == "false":
            continue
        edits.append(markup.set_text(value.element, hide(value.value, holder.name)))
        if flag is not None:
            edits.append(markup.set_text(flag.element, "false"))
        else:
            edits.append(markup.insert_after(value.element, "PlainText", "false"))
    return document.edited(edits), left
