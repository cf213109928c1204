"""A fleet: a table of machines, checked completely before anything is written.

Columns in addition to `name`: sid, mac, addresses, gateway, dns, domain, owner, organization, product_key,
time_zone, locale, `unattend` (the machine's own answer file, relative to the table), and every variable
`${…}` of the answer files that the fleet uses.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from reseal import answerfile
from reseal.answerfile import AnswerFile, AnswerFileError, Finding, Level, Position
from reseal.answerfile.rules.accounts import account_names
from reseal.answerfile.rules.identity import PRODUCT_KEY
from reseal.answerfile.schema import nearest
from reseal.answerfile.template import fill, filled, in_own_style, variables
from reseal.clone.answers import NETWORK, SETTINGS
from reseal.clone.golden import Golden
from reseal.clone.plan import FleetMachine
from reseal.clone.table import Cell, FleetRow, FleetTable
from reseal.errors import UsageError
from reseal.sid.choice import CONSTANTS
from reseal.specialize import SidChoice
from reseal.specialize.wish import RANDOM, checked_name, parsed_sid
from reseal.unattend.apply import said_aloud
from reseal.windows import Sid

_OWN = ("name", "sid", "unattend", "domain")
#: Columns whose values the plan generates; a check uses placeholders instead.
_DRAWN = ("name", "sid")
COLUMNS = frozenset((*_OWN, *NETWORK, *SETTINGS))
_LISTS = ("addresses", "dns", "gateway")
_HEX_MAC = re.compile(r"[0-9A-F]{12}")
#: The group bit in a MAC address's first byte.
_MULTICAST = 1
_LIKE_SECRET = re.compile(r"(?i)pas+w|pwd|secret|token|key")
#: How many problems a message names; the others are counted.
_SHOWN = 20


class FleetError(UsageError):
    """A fleet can't be made from its table.

    Attributes:
        problems: all problems, as `file:line:column: what`.
    """

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - _SHOWN
        rest = f"\n{more} more are not shown." if more > 0 else ""
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        shown = "\n".join(problems[:_SHOWN])
        super().__init__(
            f"The fleet has {count}; nothing was written.\n{shown}{rest}", "Correct the table."
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines of a table, their answer files by name, as base64, and warnings."""

    machines: list[FleetMachine]
    templates: dict[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()


def check(
    table: FleetTable, golden: Golden, unattend: Path | None = None, style: str | None = None
) -> Fleet:
    """Check a table and return its machines.

    Args:
        table: the fleet.
        golden: the image that the machines are made from.
        unattend: the answer file of all machines that do not name one.
        style: how answer files write variables; None for `${name}`, and for any other style in which a
            variable has the name of a column.

    Raises:
        FleetError: the table has problems.
    """
    return _Check(table, golden, unattend, style).run()


class _Check:
    def __init__(
        self, table: FleetTable, golden: Golden, unattend: Path | None, style: str | None
    ) -> None:
        self._table = table
        self._style = style
        self._warnings: dict[str, None] = {}
        self._accounts: dict[str, set[str]] = {}
        self._golden = golden
        self._unattend = unattend
        self._problems: list[tuple[Position, str]] = []
        self._templates: dict[str, AnswerFile] = {}
        self._missing: set[str] = set()
        self._seen: dict[tuple[str, str], Position] = {}
        self._judged: set[tuple[str, ...]] = set()
        self._filled: set[tuple[str, frozenset[tuple[str, str]]]] = set()
        self._found: set[Finding] = set()
        self._times: dict[str, int] = {}

    def run(self) -> Fleet:
        if self._unattend is not None:
            self._load(str(self._unattend), None)
        for row in self._table.rows:
            if "unattend" in row.cells:
                self._load(self._template_name(row), row.cells["unattend"].position)
        used = {name for one in self._templates.values() for name in variables(one)}
        for column, place in self._table.columns.items():
            if column not in COLUMNS and column not in {name.lower() for name in used}:
                near = nearest(column, {*COLUMNS, *used})
                hint = f"; did you mean {near}?" if near else ""
                self._say(place, f"the column {column} is neither known nor a variable{hint}")
        if "name" not in self._table.columns:
            place = self._table.rows[0].position
            self._say(place, "the table has no column name")
        machines = [self._machine(row) for row in self._table.rows]
        if self._problems:
            raise FleetError(
                [f"{self._table.name}:{place}: {what}" for place, what in sorted(self._problems)]
            )
        encoded = {
            name: base64.b64encode(one.to_bytes()).decode() for name, one in self._templates.items()
        }
        return Fleet(machines, encoded, tuple(self._warnings))

    def _say(self, place: Position, what: str) -> None:
        self._problems.append((place, f"{what}."))

    # Answer files

    def _template_name(self, row: FleetRow) -> str:
        return str(Path(self._table.name).parent / row.text("unattend"))

    def _load(self, name: str, place: Position | None) -> None:
        if name in self._templates or name in self._missing:
            return
        try:
            self._templates[name] = in_own_style(
                AnswerFile.load(Path(name)),
                self._table.columns,
                self._style,
                self._golden.target.architecture,
            )
            self._accounts[name] = account_names(self._templates[name])
        except AnswerFileError as error:
            if place is None:
                raise
            self._missing.add(name)
            self._say(place, error.message)

    def _judge(self, document: AnswerFile, place: Position, most: int | None = None) -> None:
        findings = answerfile.check(document, self._golden.target)
        self._warnings |= dict.fromkeys(said_aloud(findings))
        for one in [one for one in findings if one.level is Level.ERROR][:most]:
            if most is None and one in self._found:
                continue  # it was said of an earlier row, and does not come from the values of this one
            self._found.add(one)
            at = "" if most else f" ({one.file}:{one.position})"
            self._say(place, f"{one.what}; {one.why}; {one.instead}{at}")

    def _check_template(self, template: AnswerFile, row: FleetRow, values: dict[str, str]) -> None:
        name = template.name
        lacking = {one: at for one, at in variables(template).items() if one not in values}
        for variable, positions in lacking.items():
            what = f"the variable {variable} of {name}:{positions[0]} has no value"
            self._say(row.position, what)
        computer = row.text("name") if "name" in row.cells else ""
        for account in self._accounts[name] if not lacking else ():
            called = filled(account, {**values, "name": computer})
            if computer and called.casefold() == computer.casefold():
                what = (
                    f"an account of {name} has the name of this computer, and Windows adds such an "
                    "account to no group; rename one of the two"
                )
                self._say(row.cells["name"].position, what)
        # Values of other columns make other files; names and SIDs are judged where they stand.
        given = {item for item in values.items() if item[0].lower() not in _DRAWN}
        own = (name, frozenset(given))
        if not lacking and own not in self._filled:
            self._filled.add(own)
            self._judge(fill(template, values), row.position)

    # Rows

    def _machine(self, row: FleetRow) -> FleetMachine:
        mac = self._mac(row)
        template = self._template_name(row) if "unattend" in row.cells else None
        if template is None and self._unattend is not None:
            template = str(self._unattend)
        known = self._templates.get(template or "")
        used = {one.lower(): one for one in variables(known)} if known else {}
        if "domain" in row.cells and "domain" not in used:
            what = (
                "joining a domain needs credentials, so the answer file must contain them and use "
                "${domain}"
            )
            self._say(row.cells["domain"].position, what)
        answers = {
            column: _parts(row.cells[column]) if column in _LISTS else [row.text(column)]
            for column in (*SETTINGS, *NETWORK)
            if column in row.cells and column not in used
        }
        if mac and "mac" in answers:
            answers["mac"] = [mac]
        machine = FleetMachine(
            name=self._name(row),
            sid=self._sid(row),
            key=self._key(row, template),
            template=template,
            variables=self._variables(row, known, used),
            answers=answers,
            mac=mac,
            addresses=self._addresses(row),
            domain=row.text("domain") or None,
            place=f"{self._table.name}:{row.position}",
        )
        self._check_settings(row)
        return machine

    def _variables(
        self, row: FleetRow, template: AnswerFile | None, used: dict[str, str]
    ) -> dict[str, str]:
        """Return the values of a template's variables, except name and SID, which the plan adds.

        Args:
            row: the machine.
            template: its answer file; None if there is none, or if it can't be read.
            used: the template's variables, by column.
        """
        if template is None:
            return {}
        drawn = {"name": "PC-1", "sid": "S-1-5-21-1-2-3"}
        codec = template.markup.source.codec
        values = {}
        for column, variable in used.items():
            if column in row.cells and column not in drawn:
                values[variable] = row.text(column)
                if not _is(partial(str.encode, encoding=codec), values[variable]):
                    what = f"this can't be written in the encoding of {template.name}, {codec}"
                    self._say(row.cells[column].position, what)
        drawn = {used[column]: value for column, value in drawn.items() if column in used}
        self._check_template(template, row, values | drawn)
        return values

    def _key(self, row: FleetRow, template: str | None) -> str:
        public = sorted(
            (column, cell.text)
            for column, cell in row.cells.items()
            if not _LIKE_SECRET.search(column)
        )
        text = self._templates[template].markup.source.text if template in self._templates else ""
        shown = repr((public, hashlib.sha256(text.encode()).hexdigest()))
        # Identical rows, such as those with random names, are distinguished by their order.
        self._times[shown] = self._times.get(shown, 0) + 1
        return hashlib.sha256(f"{shown}{self._times[shown]}".encode()).hexdigest()

    def _unique(self, kind: str, value: str, place: Position) -> None:
        first = self._seen.setdefault((kind, value.upper()), place)
        if first is not place:
            self._say(place, f"the {kind} {value} is already used on line {first.line}")

    def _name(self, row: FleetRow) -> str:
        cell = row.cells.get("name")
        if cell is None:
            if "name" in self._table.columns:
                self._say(row.position, "the machine has no name; write * for a random one")
            return ""
        try:
            checked_name(cell.text)
        except UsageError as error:
            self._say(cell.position, error.message.rstrip("."))
        if cell.text != RANDOM:
            self._unique("name", cell.text, cell.position)
        return cell.text

    def _sid(self, row: FleetRow) -> str:
        cell = row.cells.get("sid")
        if cell is None:
            return ""
        try:
            sid = parsed_sid(cell.text)
        except UsageError as error:
            self._say(cell.position, error.message.rstrip("."))
            return ""
        if isinstance(sid, SidChoice):
            return sid.value
        self._unique("SID", str(sid), cell.position)
        taken: dict[Sid | None, str] = {
            self._golden.sid: "the golden image's own",
            self._golden.domain: "that of the golden image's domain",
            **dict.fromkeys(CONSTANTS, "a constant of Windows"),
        }
        if not sid.is_machine:
            self._say(cell.position, f"{sid} is not a machine SID; it has the form S-1-5-21-x-y-z")
        elif sid in taken:
            self._say(cell.position, f"{sid} is {taken[sid]}")
        return str(sid)

    def _mac(self, row: FleetRow) -> str | None:
        cell = row.cells.get("mac")
        if cell is None:
            return None
        digits = re.sub(r"[-:.]", "", cell.text).upper()
        if not _HEX_MAC.fullmatch(digits):
            self._say(
                cell.position, f"{cell.text} is not a MAC address (such as 52-54-00-12-34-56)"
            )
            return None
        if int(digits[:2], 16) & _MULTICAST or not int(digits, 16):
            self._say(cell.position, f"{cell.text} is not the MAC address of a single machine")
        mac = bytes.fromhex(digits).hex("-").upper()
        self._unique("MAC address", mac, cell.position)
        return mac

    def _addresses(self, row: FleetRow) -> tuple[str, ...]:
        found = []
        cell = row.cells.get("addresses")
        for text in _parts(cell) if cell else ():
            assert cell
            try:
                address = ipaddress.ip_interface(text)
                if "/" not in text:
                    raise ValueError
            except ValueError:
                what = f"{text} is not an address with a prefix length (such as 192.0.2.10/24)"
                self._say(cell.position, what)
                continue
            self._unique("address", str(address.ip), cell.position)
            found.append(str(address.ip))
        self._check_network(row)
        return tuple(found)

    def _check_network(self, row: FleetRow) -> None:
        for cell in (row.cells[one] for one in ("gateway", "dns") if one in row.cells):
            for text in _parts(cell):
                if not _is(ipaddress.ip_address, text):
                    self._say(cell.position, f"{text} is not an IP address")
        network = [row.cells[one] for one in ("addresses", "gateway", "dns") if one in row.cells]
        if network and "mac" not in row.cells:
            what = "addresses need a mac, with which Windows finds the network adapter"
            self._say(network[0].position, what)
        elif "gateway" in row.cells and "addresses" not in row.cells:
            self._say(row.cells["gateway"].position, "a gateway needs addresses")

    def _check_settings(self, row: FleetRow) -> None:
        """Check setting values, each combination once, as the answer file that they become."""
        key = row.cells.get("product_key")
        if key and not PRODUCT_KEY.fullmatch(key.text):
            self._say(key.position, "this does not have the form of a product key")
        for column, answers in (
            ("time_zone", answerfile.Answers(time_zone=row.text("time_zone"), hide_pages=False)),
            ("locale", answerfile.Answers(locale=row.text("locale"), hide_pages=False)),
        ):
            cell = row.cells.get(column)
            if cell and (column, cell.text) not in self._judged:
                self._judged.add((column, cell.text))
                architecture = self._golden.target.architecture or "amd64"
                # One value becomes several settings, which all have the same fault.
                self._judge(answerfile.make(answers, architecture), cell.position, most=1)


def _parts(cell: Cell) -> list[str]:
    """Return the values of a list."""
    return [part for text in cell.values for part in re.split(r"[;\s]+", text) if part]


def _is(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True
