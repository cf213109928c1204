"""Commands: their order, and whether they can run as they stand."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reseal.answerfile.components import COMMANDS, DEPLOYMENT, SETUP, SHELL
from reseal.answerfile.findings import TEMPLATE_VARIABLE, Context, Level, Problem, rule
from reseal.answerfile.secrets import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reseal.answerfile.document import Setting

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
_SHELL = re.compile(r'(?i)"?([^"\s]*\\)?(cmd|powershell|pwsh|wsl|bash)(\.exe)?"?(\s|$)|%comspec%')
_QUOTED = re.compile(r'"[^"]*"')
_OPERATOR = re.compile(r"&&|\|\||[|&]|(?<![-=])\d?>{1,2}")
_SYSPREP = re.compile(r"(?i)(?:^|[\\/\s\"'])sysprep(?:\.exe)?[\"']?(?:\s|$)")


def _items(context: Context) -> Iterator[tuple[Setting, str]]:
    for component, path, leaf in COMMANDS:
        for item in context.at(component, path):
            yield item, leaf


@rule("command-without-path", Level.ERROR)
def command_without_path(context: Context) -> Iterator[Problem]:
    """A command has something to run.

    Documented: Unattended Windows Setup Reference, RunSynchronousCommand: Path is required.
    """
    for item, leaf in _items(context):
        if item.action != "remove" and not item.text_of(leaf):
            yield Problem(
                item.position,
                f"this {item.name} has no {leaf}",
                "there is nothing to run, and Windows refuses the whole file",
                f"add <{leaf}> with the command, or delete the item",
            )


@rule("order-missing", Level.WARNING)
def order_missing(context: Context) -> Iterator[Problem]:
    """An item of a list that is worked through in order has an Order.

    Documented: Unattended Windows Setup Reference, Order; seen: every item of the real files.
    """
    for component, path in ORDERED:
        for item in context.at(component, path):
            if not item.text_of("Order"):
                yield Problem(
                    item.position,
                    f"this {item.name} has no Order",
                    "Windows works through the list by it",
                    "add <Order> with a number",
                )


@rule("order-value", Level.ERROR)
def order_value(context: Context) -> Iterator[Problem]:
    """An Order is a number from 1, for commands of Microsoft-Windows-Deployment up to 500.

    Documented: Unattended Windows Setup Reference, RunSynchronousCommand, Order.
    """
    for component, path in ORDERED:
        for order in context.values_at(component, f"{path}/Order"):
            highest = MAX_DEPLOYMENT_ORDER if component == DEPLOYMENT else 2**31 - 1
            if order.text.isdecimal() and 1 <= int(order.text[:12]) <= highest:
                continue
            limit = f"from 1 to {highest}" if component == DEPLOYMENT else "from 1"
            yield Problem(
                order.value_position,
                f"Order is {shown(order)}",
                f"it is a number {limit}",
                "number the items 1, 2, 3",
            )


@rule("duplicate-order", Level.ERROR)
def duplicate_order(context: Context) -> Iterator[Problem]:
    """No two items of a list have the same Order.

    Reported: Windows names an item by it (`RunSynchronousCommand/[Order="2"]` in setupact.log), so
    it is the key of the list.
    """
    for component, path in ORDERED:
        seen: dict[tuple[object, str], Setting] = {}
        for order in context.values_at(component, f"{path}/Order"):
            item = order.parent
            around = getattr(item, "parent", None)
            first = seen.setdefault((around, order.text.lstrip("0")), order)
            if first is not order:
                yield Problem(
                    order.value_position,
                    f"another {item.name} of this list has Order {order.text[:12]}",
                    f"it stands on line {first.position.line}, and Order is the key of the list",
                    "number the items 1, 2, 3",
                )


@rule("sysprep-command", Level.WARNING)
def sysprep_command(context: Context) -> Iterator[Problem]:
    """Sysprep is not started by a command of Microsoft-Windows-Deployment.

    Documented: Sysprep Overview, unsupported scenarios; reported: from auditUser it can work.
    """
    for name in ("RunSynchronous/RunSynchronousCommand", "RunAsynchronous/RunAsynchronousCommand"):
        for path in context.values_at(DEPLOYMENT, f"{name}/Path"):
            if _SYSPREP.search(path.text):
                yield Problem(
                    path.value_position,
                    "this command starts Sysprep",
                    "Windows does not support that while it works through an answer file",
                    "use Microsoft-Windows-Deployment Generalize or Reseal in auditUser",
                )


@rule("shell-syntax", Level.WARNING)
def shell_syntax(context: Context) -> Iterator[Problem]:
    """A command that needs cmd.exe starts it.

    Inferred: commands are started as processes; every real file that uses such syntax calls cmd.
    """
    for item, leaf in _items(context):
        command = item.child(leaf)
        if command is None or not command.text or _SHELL.match(command.text):
            continue
        if TEMPLATE_VARIABLE.match(command.text):
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
