"""Real inputs that were judged wrongly once, and the finding that each gets now.

`CASES` names an input and its findings; siblings of each kind are in the table of bad files, and below.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from reseal.answerfile import (
    AnswerFile,
    AnswerFileError,
    DomainJoin,
    Level,
    Pass,
    Secret,
    Target,
    check,
    formatted,
    make,
    mark,
    show,
)
from reseal.answerfile.answers import Answers
from reseal.answerfile.secrets import DELETED, conceal, holds_password
from tests.answerfile.samples import (
    DEPLOYMENT,
    JOIN,
    SETUP,
    SHELL,
    component,
    document,
    one,
    settings,
    unattend,
)
from tests.conftest import CORPUS

FOLDER = CORPUS.parent / "cases" / "answers"

#: What `check` says of each input: rule, level, place.
CASES: dict[str, list[tuple[str, str, str]]] = {
    "01-multi-arch": [
        ("several-architectures", "note", "7:1"),
        ("several-architectures", "note", "10:1"),
    ],
    "03-tz-CET": [("time-zone", "error", "5:11")],
    "03-tz-Europe_Berlin": [("time-zone", "error", "5:11")],
    "03-tz-PST": [("time-zone", "error", "5:11")],
    "06-account-Guest": [("account-name", "error", "5:67")],
    "06-same-name": [("account-is-computer", "error", "10:67")],
    "06-template": [],
    "07-duplicate-component": [("duplicate-component", "error", "7:1")],
    "08-cached": [
        ("processed-pass", "note", "3:47"),
        ("processed-pass", "note", "11:47"),
        ("logon-account", "note", "13:45"),
    ],
    "09-odj": [("plain-text-secret", "note", "5:51")],
    "10-language": [],
    "12-locale": [],
    "13-dpi": [],
    "13-wdf": [],
    "14-one-component-x86": [("lone-architecture", "warning", "7:79")],
    "15-extend-first": [
        ("partition-extend", "error", "5:190"),
        ("install-partition-type", "error", "5:531"),
    ],
    "15-install-to-efi": [("install-partition-type", "error", "5:531")],
    "15-item-without-list": [("misplaced-setting", "error", "5:94")],
    "16-domain-and-upn": [("join-upn", "error", "5:30"), ("plain-text-secret", "note", "5:69")],
    "16-ou": [("plain-text-secret", "note", "5:69"), ("join-unit", "error", "5:172")],
    "16-workgroup": [("workgroup-name", "error", "5:32")],
    "17-dhcp-left-on": [("dhcp-left-on", "warning", "5:13")],
    "17-mac-colons": [("mac-form", "warning", "5:114")],
    "18-key-edition": [("product-key-edition", "warning", "5:212")],
    "19-secrets-in-commands": [
        ("plain-text-secret", "note", place)
        for place in ("5:79", "5:215", "5:355", "5:500", "5:620")
    ],
    "20-one-line": [("time-zone", "error", "2:343")],
    "22-wcm-namespace": [("wcm-namespace", "warning", "2:65")],
    "23-commands": [
        ("command-no-program", "warning", "5:79"),
        ("command-no-program", "warning", "5:188"),
        ("script-policy", "note", "5:301"),
        ("typographic-quotes", "warning", "5:431"),
        ("early-shutdown", "warning", "5:559"),
    ],
    "24-autologon": [
        ("logon-enabled", "warning", "5:1"),
        ("logon-account", "note", "5:22"),
        ("logon-username", "error", "5:22"),
    ],
    "25-jinja": [
        ("template-variable", "note", "4:72"),
        ("template-variable", "note", "5:15"),
        ("template-variable", "note", "5:64"),
    ],
    "26-path-spaces": [("padded-length", "warning", "6:41")],
}

#: Inputs that can't be read: the place, and the start of the message.
UNREADABLE = {
    "02-utf32": ("1:1", "the file is stored as UTF-32"),
    "04-ampersand": ("5:20", "this & starts no reference"),
    "04-comment": ("5:17", "a comment holds --"),
    "04-url": ("5:31", "this & starts no reference"),
}


@pytest.mark.corpus
@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    found = check(AnswerFile.load(FOLDER / f"{name}.xml"))

    assert [(f.rule, f.level.value, str(f.position)) for f in found] == CASES[name]


@pytest.mark.corpus
@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_case(name: str) -> None:
    place, message = UNREADABLE[name]
    with pytest.raises(AnswerFileError) as caught:
        AnswerFile.load(FOLDER / f"{name}.xml")

    assert str(caught.value.position) == place
    assert caught.value.problem.startswith(message)
    assert caught.value.hint


@pytest.mark.corpus
def test_every_case_is_here() -> None:
    assert {path.stem for path in FOLDER.glob("*.xml")} == {*CASES, *UNREADABLE}


@pytest.mark.corpus
@pytest.mark.parametrize("architecture", ["amd64", "x86", "arm64"])
def test_a_file_for_several_architectures_says_nothing_of_an_image(architecture: str) -> None:
    file = AnswerFile.load(FOLDER / "01-multi-arch.xml")

    assert check(file, Target(architecture=architecture)) == []


@pytest.mark.corpus
def test_a_language_that_an_image_lacks() -> None:
    target = Target(languages=frozenset({"en-US"}))
    found = check(AnswerFile.load(FOLDER / "10-language.xml"), target)

    assert [(f.rule, f.level) for f in found] == [("image-language", Level.WARNING)]


@pytest.mark.corpus
def test_no_secret_of_the_cases_is_shown() -> None:
    for path in FOLDER.glob("*.xml"):
        if path.stem not in UNREADABLE:
            file = AnswerFile.load(path)
            said = [step.text for shown in show(file) for step in shown.steps]
            said += map(str, check(file))
            assert not [text for text in said if "S3cret" in text]


def test_every_kind_has_siblings() -> None:
    """Each rule that the cases are about has at least three bad files of its own."""
    table = tomllib.loads((Path(__file__).parent / "bad_files.toml").read_text("utf-8"))["case"]
    counts = Counter(case["rule"] for case in table)
    rules = {rule for found in CASES.values() for rule, _, _ in found}
    # Those that were right before have one each.
    old = {"processed-pass", "logon-account", "several-architectures"}

    assert {rule for rule in rules - old if counts[rule] < 3} == set()


# The cached file of Windows, whose secrets are deleted

CACHED = {
    "a product key": ("specialize", SHELL, "<ProductKey>{}</ProductKey>"),
    "a key for Setup": (
        "windowsPE",
        SETUP,
        "<UserData><AcceptEula>true</AcceptEula><ProductKey><Key>{}</Key></ProductKey></UserData>",
    ),
    "a join blob": (
        "specialize",
        JOIN,
        "<Identification><Provisioning><AccountData>{}</AccountData></Provisioning></Identification>",
    ),
    "credentials": (
        "specialize",
        JOIN,
        (
            "<Identification><Credentials><Domain>d</Domain><Password>{}</Password>"
            "<Username>u</Username></Credentials><JoinDomain>d</JoinDomain></Identification>"
        ),
    ),
    "a password of an account": (
        "oobeSystem",
        SHELL,
        (
            '<UserAccounts><LocalAccounts><LocalAccount wcm:action="add"><Name>u</Name>'
            "<Password>{}</Password></LocalAccount></LocalAccounts></UserAccounts>"
        ),
    ),
    "its value": (
        "oobeSystem",
        SHELL,
        (
            "<UserAccounts><AdministratorPassword><Value>{}</Value><PlainText>false</PlainText>"
            "</AdministratorPassword></UserAccounts>"
        ),
    ),
    "the password of the logon": (
        "oobeSystem",
        SHELL,
        (
            "<AutoLogon><Enabled>true</Enabled><Username>Administrator</Username>"
            "<LogonCount>2</LogonCount><Password>{}</Password></AutoLogon>"
        ),
    ),
}


@pytest.mark.parametrize(("name", "of", "body"), CACHED.values(), ids=CACHED.keys())
def test_what_windows_deleted_is_no_error_where_the_pass_is_done(
    name: str, of: str, body: str
) -> None:
    cached = one(name, of, body.format(DELETED)).replace(
        f'pass="{name}"', f'pass="{name}" wasPassProcessed="true"'
    )

    assert {f.rule for f in check(document(cached))} == {"processed-pass"}
    again = [f.rule for f in check(document(one(name, of, body.format(DELETED))))]
    assert again == ["deleted-secret"]


@pytest.mark.corpus
def test_real_files_have_no_errors_once_windows_marked_them(real_files: list[Path]) -> None:
    for path in real_files:
        cached = mark(AnswerFile.load(path), list(Pass))

        assert [f for f in check(cached) if f.level is Level.ERROR] == []


# Components and settings that the reference lacks

KNOWN = [
    ("offlineServicing", "Microsoft-Windows-WDF-KernelLibrary", "<DriverStartType>0</DriverStartType>"),
    ("specialize", "Microsoft-Windows-Authentication-AuthUI",
     "<DisableStartupSound>true</DisableStartupSound>"),
    ("specialize", "Microsoft-Windows-Sensors-Core", "<Anything>1</Anything>"),
    ("specialize", "Microsoft-Windows-Devices-Lights-WinRT", "<Anything>1</Anything>"),
    ("oobeSystem", SHELL, "<Display><DPI>96</DPI></Display>"),
    ("auditUser", SHELL, "<Display><ColorDepth>32</ColorDepth><DPI>144</DPI></Display>"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "of", "body"), KNOWN)
def test_components_and_settings_that_windows_has(name: str, of: str, body: str) -> None:
    assert check(document(one(name, of, body))) == []


# Joining by new

USERS = {
    "joiner@corp.example": (None, "joiner@corp.example"),
    "a.b@sub.corp.example": (None, "a.b@sub.corp.example"),
    "CORP\\joiner": ("CORP", "joiner"),
    "joiner": ("corp.example", "joiner"),
}


@pytest.mark.parametrize("user", USERS)
def test_new_obeys_what_excludes_each_other(user: str) -> None:
    made = make(Answers(domain=DomainJoin("corp.example", user, Secret("pw")), hide_pages=False))
    (credentials,) = [one for one in made.settings() if one.name == "Credentials"]

    domain = credentials.child("Domain")
    assert (domain.text if domain else None, credentials.text_of("Username")) == USERS[user]
    assert {f.rule for f in check(made)} == {"plain-text-secret"}


@pytest.mark.parametrize(
    "value",
    [
        "{% if a %}b{% endif %}",
        "{%- if kiosk -%}K{%- else -%}P{%- endif -%}",
        "PC-{% raw %}1{% endraw %}",
        "{# the name #}PC 1",
    ],
)
def test_values_with_blocks_of_a_template_are_not_judged(value: str) -> None:
    body = f"<ComputerName>{value}</ComputerName><TimeZone>{value}</TimeZone>"

    assert check(document(one("specialize", SHELL, body))) == []


# The policy of scripts

SCRIPT = (
    '<SynchronousCommand wcm:action="add"><Order>{}</Order>'
    "<CommandLine>{}</CommandLine></SynchronousCommand>"
)
SETS_POLICY = "powershell -Command Set-ExecutionPolicy RemoteSigned -Force"
RUNS_SCRIPT = "powershell -File a.ps1"


@pytest.mark.parametrize(
    ("commands", "notes"),
    [
        (((1, SETS_POLICY), (2, RUNS_SCRIPT), (3, "cmd /c powershell -File b.ps1")), 0),
        (((2, RUNS_SCRIPT), (1, SETS_POLICY)), 0),
        (((1, f"cmd.exe /c {SETS_POLICY}"), (2, RUNS_SCRIPT)), 0),
        (((1, RUNS_SCRIPT), (2, SETS_POLICY), (3, RUNS_SCRIPT)), 1),
        (((1, RUNS_SCRIPT), (2, "cmd /c powershell -File b.ps1")), 2),
    ],
)
def test_a_policy_that_an_earlier_command_sets_counts(
    commands: tuple[tuple[int, str], ...], notes: int
) -> None:
    body = "".join(SCRIPT.format(*command) for command in commands)
    text = one("oobeSystem", SHELL, f"<FirstLogonCommands>{body}</FirstLogonCommands>")

    assert [f.rule for f in check(document(text))] == ["script-policy"] * notes


@pytest.mark.parametrize(("where", "notes"), [("windowsPE", 1), ("specialize", 0)])
def test_a_policy_of_windows_pe_does_not_reach_the_installed_windows(
    where: str, notes: int
) -> None:
    path = (
        '<RunSynchronous><RunSynchronousCommand wcm:action="add"><Order>1</Order>'
        f"<Path>{SETS_POLICY}</Path></RunSynchronousCommand></RunSynchronous>"
    )
    first = component(SETUP if where == "windowsPE" else DEPLOYMENT, path)
    then = component(
        SHELL, f"<FirstLogonCommands>{SCRIPT.format(1, RUNS_SCRIPT)}</FirstLogonCommands>"
    )
    text = unattend(settings(where, first), settings("oobeSystem", then))

    assert [f.rule for f in check(document(text))] == ["script-policy"] * notes


# Secrets in commands

SECRET = [
    r"net use z: \\srv\share /user:dom\u S3cret!",
    r'net use z: "\\srv\my share" /user:dom\u "S3cret! x"',
    r"net use \\srv\share S3cret! /user:u",
    r"net.exe use * \\srv\share S3cret! /u:u /persistent:no",
    "schtasks /create /tn x /tr y /ru u /rp S3cret!",
    "schtasks.exe /change /tn x /RP S3cret!",
    "netdom join x /domain:d /userd:u /passwordd:S3cret!",
    "netdom join %computername% /domain:d /ud:u /pd:S3cret!",
    "psexec -u a -p S3cret! cmd",
    r"C:\tools\PsExec64.exe -accepteula -u a -p S3cret! cmd",
    "curl -u user:S3cret! https://x",
    "curl.exe --user 'user:S3cret!' https://x",
    'powershell -Command "Set-LocalUser -Name u -Password S3cret!"',
    'powershell "New-LocalUser u -Password (ConvertTo-SecureString \'S3cret!\' -AsPlainText -Force)"',
    "cmdkey /add:srv /user:u /pass:S3cret!",
    "wmic /node:x /user:u /password:S3cret! os get name",
    "net user bob S3cret! /add",
    "msiexec /i x.msi ADMINPASSWORD=S3cret!",
    ("powershell -EncodedCommand "
    "bgBlAHQAIAB1AHMAZQByACAAYgBvAGIAIABTADMAYwByAGUAdAAhACAALwBhAGQAZAA="),
    "net user /add bob S3cret!",
    "net.exe user /add /domain bob S3cret!",
    "net user bob /add S3cret!",
    'net user "bob x" S3cret! /add',
    "net user Administrator /active:yes & net user bob S3cret! /add",
    "schtasks /create /tn x /ru u /rp:S3cret!",
    "curl -uuser:S3cret! https://x",
    'curl -H "X-Api-Key: S3cret!" https://x',
    "powershell ConvertTo-SecureString -AsPlainText S3cret! -Force",
    "powershell ConvertTo-SecureString -AsPlainText -Force -String 'S3cret!'",
    "powershell ConvertTo-SecureString -Force -AsPlainText 'S3cret!'",
    "powershell [System.Net.NetworkCredential]::new('bob','S3cret!')",
    "powershell New-Object System.Net.NetworkCredential('bob', 'S3cret!')",
    "powershell $pw='S3cret!'",
    "powershell $adminPass = 'S3cret!'; net user bob $adminPass",
    "msiexec /i x.msi SVCPWD=S3cret!",
    "aws configure set aws_secret_access_key S3cret!",
    "certutil -f -p S3cret! -importpfx x.pfx",
    "7z x -pS3cret! a.7z",
    "putty.exe -pw S3cret! host",
    "netsh wlan set hostednetwork mode=allow key=S3cret!",
]  # fmt: skip


@pytest.mark.parametrize("command", SECRET)
def test_passwords_in_commands_are_found(command: str) -> None:
    assert holds_password(command)
    assert "S3cret" not in conceal(command)
    assert "MAYwByAGUAdA" not in conceal(command)


@pytest.mark.parametrize(
    "command",
    [
        r"net use z: \\srv\share",
        r"net use z: \\srv\share /user:dom\u *",
        "net use z: /delete",
        "net user bob /active:yes",
        "net accounts /maxpwage:unlimited",
        "schtasks /run /tn x",
        "dir /p",
        "shutdown /s /p",
        "powershell -ExecutionPolicy Bypass -File x.ps1",
        "powershell -EncodedCommand RwBlAHQALQBQAHIAbwBjAGUAcwBzAA==",
        "powershell Set-LocalUser -Name u -Password $pw",
        "net user bob %PW%",
        "net user bob {{ password }}",
        "curl https://x",
        "cmd /c echo hello",
        'net user "bob x" /active:yes /expires:never',
        "net user Administrator /active:yes & net x",
        r"powershell Expand-Archive x.zip -path C:\y",
        "powershell Expand-Archive x.7z -path y",
        r"powershell $pwdPath = 'C:\x'",
        "powershell New-Object System.Net.NetworkCredential($u, $p)",
        "powershell ConvertTo-SecureString -AsPlainText $p -Force",
        "certutil -addstore -f Root x.cer",
        "curl -o x -L https://x:8080/a",
    ],
)
def test_commands_without_passwords(command: str) -> None:
    assert not holds_password(command)


def test_a_product_key_in_a_command_is_hidden_but_for_its_last_group() -> None:
    assert conceal("slmgr /ipk VK7JG-NPHTM-C97JM-9MPGT-3V66T") == "slmgr /ipk (hidden)-3V66T"


# Templates


@pytest.mark.parametrize(
    "value", ["{{ x }}", "{{x}}", "$X$", "%X%", "#X#", "${x}", "__X__", "@X@", "@@x@@", "{{ .X }}"]
)
def test_a_variable_is_one_note_and_no_error(value: str) -> None:
    body = (
        f"<ComputerName>{value}</ComputerName><ProductKey>{value}</ProductKey>"
        f"<TimeZone>{value}</TimeZone><CopyProfile>{value}</CopyProfile>"
    )
    found = check(document(one("specialize", SHELL, body)))

    assert [f.rule for f in found] == ["template-variable"]


def test_a_variable_in_an_attribute_is_a_note() -> None:
    text = one("specialize", SHELL, "<RegisteredOwner>x</RegisteredOwner>")
    for attribute in ('pass="specialize"', 'language="neutral"', 'processorArchitecture="amd64"'):
        name = attribute.partition("=")[0]
        found = check(document(text.replace(attribute, f'{name}="{{{{ x }}}}"')))
        assert [f.rule for f in found] == ["template-variable"], attribute


@pytest.mark.parametrize("value", ["%SystemRoot%", r"%windir%\x", "%ProgramFiles%", "100%", "a#b"])
def test_what_is_no_variable_of_a_template(value: str) -> None:
    found = check(document(one("specialize", SHELL, f"<RegisteredOwner>{value}</RegisteredOwner>")))

    assert found == []


@pytest.mark.parametrize(
    "block", ["{% if x %}", "{% endif %}", "{# remark #}", "{%- for a in b -%}"]
)
def test_what_a_template_says_about_itself_is_no_stray_text(block: str) -> None:
    body = f"<OOBE>{block}<HideEULAPage>true</HideEULAPage></OOBE>"

    assert check(document(one("oobeSystem", SHELL, body))) == []


def test_layout_of_cases_keeps_their_findings() -> None:
    """One setting on a line, or all of them: the same findings."""
    text = unattend(
        settings(
            "specialize",
            component(SHELL, "<TimeZone>CET</TimeZone>"),
            component(DEPLOYMENT, "<RunSynchronous/>"),
        )
    ).replace("\n", "")
    rules = [f.rule for f in check(document(text))]

    assert rules == [f.rule for f in check(formatted(document(text)))]
