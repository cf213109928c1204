"""Commands: their order, and whether they can run as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reseal.answerfile.components import COMMANDS, DEPLOYMENT, SETUP, SHELL
from reseal.answerfile.document import Setting
from reseal.answerfile.findings import Context, Level, Problem, list_around, repeated, rule
from reseal.answerfile.passes import Pass
from reseal.answerfile.variables import variables_in
from reseal.mark import Mark

#: Lists that are worked through by Order, beside the commands.
ORDERED = (
    *((component, path) for component, path, _ in COMMANDS),
    (SETUP, "DiskConfiguration/Disk/CreatePartitions/CreatePartition"),
    (SETUP, "DiskConfiguration/Disk/ModifyPartitions/ModifyPartition"),
    (SETUP, "ImageInstall/DataImage"),
    (SHELL, "StartTiles/RegionalOverrides/RegionalOverride"),
)

#: The highest Order of a command of Microsoft-Windows-Deployment (documented).
MAX_DEPLOYMENT_ORDER = 500

#: Commands that exist inside of cmd.exe only.
_BUILTIN = re.compile(
    r"(?i)@?(assoc|call|cd|chdir|cls|copy|date|del|dir|echo|erase|for|goto|if|md|mkdir|mklink|move|"
    r"pause|popd|pushd|rd|rem|ren|rename|rmdir|set|setlocal|start|time|title|type|ver|vol)\b"
    r"(?!\.exe|\.cmd|\.bat|\\|:)"
)
#: A command of PowerShell: a verb and a noun, as in Set-ItemProperty; iex, iwr and irm are short forms.
_CMDLET = re.compile(r"(?i)(?:(?-i:[A-Z])[a-z]{2,12}-(?-i:[A-Z])[a-z]{2,60}|iex|iwr|irm)(?=\s|$)")
_SHELL = re.compile(r'(?i)"?([^"\s]*\\)?(cmd|powershell|pwsh|wsl|bash)(\.exe)?"?(\s|$)|%comspec%')
_QUOTED = re.compile(r'"[^"]*"')
_OPERATOR = re.compile(r"&&|\|\||[|&]|(?<![-=])\d?>{1,2}")
_SYSPREP = re.compile(r"(?i)(?:^|[\\/\s\"'])sysprep(?:\.exe)?[\"']?(?:\s|$)")


def _items(context: Context) -> Iterator[tuple[Setting, str]]:
    for component, path, leaf in COMMANDS:
        for item in context.at(component, path):
            yield item, leaf


@rule(
    "command-without-path",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, RunSynchronousCommand: Path is required",
)
def command_without_path(context: Context) -> Iterator[Problem]:
    """A command has something to run."""
    for item, leaf in _items(context):
        if item.action != "remove" and not item.text_of(leaf):
            yield Problem(
                item.position,
                f"this {item.name} has no {leaf}",
                "there is nothing to run, and Windows refuses the whole file",
                f"add <{leaf}> with the command, or delete the item",
            )


@rule(
    "order-missing",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, Order; seen: every item of the real files",
)
def order_missing(context: Context) -> Iterator[Problem]:
    """An item of a list that is worked through in order has an Order."""
    for component, path in ORDERED:
        for item in context.at(component, path):
            if not item.text_of("Order"):
                yield Problem(
                    item.position,
                    f"this {item.name} has no Order",
                    "Windows works through the list in this order",
                    "add <Order> with a number",
                )


@rule(
    "order-value",
    Level.ERROR,
    mark=Mark.DOCUMENTED,
    source="Unattended Windows Setup Reference, RunSynchronousCommand, Order",
)
def order_value(context: Context) -> Iterator[Problem]:
    """An Order is a number from 1, for commands of Microsoft-Windows-Deployment up to 500."""
    for component, path in ORDERED:
        for order in context.values_at(component, f"{path}/Order"):
            highest = MAX_DEPLOYMENT_ORDER if component == DEPLOYMENT else 2**31 - 1
            if order.text.isdecimal() and 1 <= int(order.text[:12]) <= highest:
                continue
            limit = f"from 1 to {highest}" if component == DEPLOYMENT else "from 1"
            yield Problem.of_value(order, f"it is a number {limit}", "number the items 1, 2, 3")


@rule(
    "duplicate-order",
    Level.ERROR,
    mark=Mark.REPORTED,
    source='Windows names an item by it (`RunSynchronousCommand/[Order="2"]` in '
    "setupact.log), so it is the key of the list",
)
def duplicate_order(context: Context) -> Iterator[Problem]:
    """No two items of a list have the same Order."""
    for component, path in ORDERED:
        orders = context.values_at(component, f"{path}/Order")
        for order, first in repeated(
            orders, lambda order: (list_around(order), order.text.lstrip("0"))
        ):
            yield Problem(
                order.value_position,
                f"another {order.parent.name} of this list has Order {order.text[:12]}",
                f"it is on line {first.position.line}, and Order is the key of the list",
                "number the items 1, 2, 3",
            )


@rule(
    "sysprep-command",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="Sysprep Overview, unsupported scenarios; reported: from auditUser it can work",
)
def sysprep_command(context: Context) -> Iterator[Problem]:
    """Sysprep is not started by a command of Microsoft-Windows-Deployment."""
    for name in ("RunSynchronous/RunSynchronousCommand", "RunAsynchronous/RunAsynchronousCommand"):
        for path in context.values_at(DEPLOYMENT, f"{name}/Path"):
            if _SYSPREP.search(path.text):
                yield Problem(
                    path.value_position,
                    "this command starts Sysprep",
                    "Windows does not support that while it works through an answer file",
                    "use Microsoft-Windows-Deployment Generalize or Reseal in auditUser",
                )


@rule(
    "shell-syntax",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="commands are started as processes; every real file that uses such syntax calls cmd",
)
def shell_syntax(context: Context) -> Iterator[Problem]:
    """A command that needs cmd.exe or PowerShell starts it."""
    for item, leaf in _items(context):
        command = item.child(leaf)
        if command is None or not command.text or _SHELL.match(command.text):
            continue
        if any(match.start() == 0 for _, match in variables_in(command.text)):
            continue
        if cmdlet := _CMDLET.match(command.text):
            yield Problem(
                command.value_position,
                f"this command uses {cmdlet.group()}, which only PowerShell understands",
                "Windows starts the command as a program, without a shell",
                "write powershell.exe -Command and the command",
            )
            continue
        builtin = _BUILTIN.match(command.text)
        operator = _OPERATOR.search(_QUOTED.sub("", command.text))
        if builtin or operator:
            what = builtin.group(1) if builtin else operator.group() if operator else ""
            yield Problem(
                command.value_position,
                f"this command uses {what}, which only cmd.exe understands",
                "Windows starts the command as a program, without a shell",
                "write cmd /c and the command",
            )


#: Files that are opened by another program, and how that is called.
_OPENED_BY = {
    "ps1": "powershell.exe -ExecutionPolicy Bypass -File",
    "msi": "msiexec.exe /i",
    "msp": "msiexec.exe /p",
    "msu": "wusa.exe",
    "reg": "reg.exe import",
    "vbs": "cscript.exe",
    "js": "cscript.exe",
    "wsf": "cscript.exe",
}
_FILE = re.compile(
    rf'(?i)(?:"[^"]+\.({"|".join(_OPENED_BY)})"|\S+\.({"|".join(_OPENED_BY)}))(?=\s|$)'
)
#: cmd /c before a command, which it starts as a file.
_CMD = re.compile(
    r'(?i)^(?:"?(?:[^"\s]*\\)?cmd(?:\.exe)?"?|%comspec%)\s+(?:/[a-bd-z]\S*\s+){0,4}/c\s+'
)
_POWERSHELL = re.compile(r'(?i)^"?(?:[^"\s]*\\)?powershell(?:\.exe)?"?(?:\s|$)')
_SCRIPT = re.compile(
    r"""(?i)\s[-/]f(?:i|il|ile)?\s|^"?[^"\s]*powershell(?:\.exe)?"?\s+"?[^-\s"][^"\s]*\.ps1\b"""
)
_POLICY = re.compile(r"(?i)\s[-/](?:ep|ex[a-z]*)\s")
#: Quotes and dashes that word processors put in place of " ' and -.
_TYPOGRAPHIC = re.compile(
    "[\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb]|(?<=\\s)[\u2013\u2014](?=\\w)"
)
_SHUTDOWN = re.compile(
    r"(?i)(?:^|[\\/\s\"'&;])(?:shutdown(?:\.exe)?\"?\s(?:[^&|]*\s)?[-/](?:r|s|g|p|sg)\b"
    r"|(?:Restart|Stop)-Computer\b|wpeutil(?:\.exe)?\"?\s+(?:reboot|shutdown)\b)"
)
#: The passes in the order in which Windows runs them.
_TURN: dict[str, int] = {name: number for number, name in enumerate(Pass)}
#: Lists whose commands run one after another, in which a later one finds Windows gone.
_IN_TURN = ("RunSynchronous", "FirstLogonCommands")


def _commands(context: Context) -> Iterator[tuple[Setting, Setting]]:
    """Yield the items that have a command, and the setting with it."""
    for item, leaf in _items(context):
        command = item.child(leaf)
        if command is not None and command.text:
            yield item, command


@rule(
    "command-no-program",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="commands are started as processes; every real file calls PowerShell or msiexec",
)
def command_no_program(context: Context) -> Iterator[Problem]:
    """A command starts a program, not a file that another program opens."""
    for _, command in _commands(context):
        behind = _CMD.sub("", command.text)
        match = _FILE.match(behind)
        kind = (match.group(1) or match.group(2)).lower() if match else ""
        # cmd opens the others with the program that is registered for them; of scripts that is an editor.
        if kind == "ps1" or (kind and behind == command.text):
            yield Problem(
                command.value_position,
                f"this command is a .{kind} file",
                "Windows starts commands as programs, and such a file is not one",
                f"write {_OPENED_BY[kind]} before it",
            )


@rule(
    "script-policy",
    Level.NOTE,
    mark=Mark.DOCUMENTED,
    source="about_Execution_Policies: Restricted is the default of Windows clients",
)
def script_policy(context: Context) -> Iterator[Problem]:
    """A script of PowerShell runs with a policy that allows it."""
    in_turn = sorted(
        _commands(context),
        key=lambda pair: (_TURN.get(pair[0].pass_name, len(_TURN)), _order(pair[0])),
    )
    for item, command in in_turn:
        # What Windows PE sets is gone in the installed Windows.
        is_kept = item.pass_name != Pass.WINDOWS_PE
        if is_kept and "set-executionpolicy" in command.text.casefold():
            return  # what follows runs with the policy that this command sets
        text = _CMD.sub("", command.text)
        if _POWERSHELL.match(text) and _SCRIPT.search(text) and not _POLICY.search(text):
            yield Problem(
                command.value_position,
                "powershell.exe runs a script without -ExecutionPolicy",
                "Windows clients allow no scripts by default, servers allow local ones",
                "write -ExecutionPolicy Bypass before -File",
            )


@rule(
    "typographic-quotes",
    Level.WARNING,
    mark=Mark.INFERRED,
    source="cmd has no others; PowerShell accepts curly quotes, and programs receive them unchanged",
)
def typographic_quotes(context: Context) -> Iterator[Problem]:
    """A command has straight quotes and plain hyphens."""
    for _, command in _commands(context):
        if match := _TYPOGRAPHIC.search(command.text):
            yield Problem(
                command.value_position,
                f"this command holds the character {match.group()}, which word processors insert",
                "Windows takes it as part of the text, and not as a quote or a hyphen",
                "write straight quotes and plain hyphens",
            )


@rule(
    "early-shutdown",
    Level.WARNING,
    mark=Mark.DOCUMENTED,
    source="RunSynchronousCommand WillReboot, which is the way to restart in between",
)
def early_shutdown(context: Context) -> Iterator[Problem]:
    """No command shuts Windows down before the others of its list have run."""
    last: dict[object, int] = {}
    for item, _ in _commands(context):
        last[item.parent] = max(last.get(item.parent, 0), _order(item))
    for item, command in _commands(context):
        if not item.path.startswith(_IN_TURN) or _order(item) >= last[item.parent]:
            continue
        if _SHUTDOWN.search(command.text):
            yield Problem(
                command.value_position,
                "this command shuts Windows down, and others of the list come after it",
                "they may not run",
                "make it the last one"
                + (
                    ", or write <WillReboot>Always</WillReboot> instead"
                    if item.component.name.casefold() == DEPLOYMENT.casefold()
                    else ""
                ),
            )


def _order(item: Setting) -> int:
    text = item.text_of("Order")
    return int(text) if text.isdecimal() and len(text) < 10 else 0
