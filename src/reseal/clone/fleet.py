"""A fleet: a table of machines, checked whole before anything is written.

Columns beside `name`: sid, mac, addresses, gateway, dns, domain, owner, organization, product_key,
time_zone, locale, `unattend` (an answer file of the machine's own, relative to the table), and every
variable `${…}` of the answer files that the fleet uses.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from reseal import answerfile
from reseal.answerfile import AnswerFile, AnswerFileError, Level
from reseal.answerfile.rules.accounts import account_names
from reseal.answerfile.rules.identity import PRODUCT_KEY
from reseal.answerfile.schema import nearest
from reseal.answerfile.template import fill, filled, in_own_style, variables
from reseal.clone.answers import NETWORK, SETTINGS
from reseal.errors import UsageError
from reseal.sid.choice import CONSTANTS
from reseal.specialize import SidChoice
from reseal.specialize.wish import RANDOM, checked_name, parsed_sid
from reseal.unattend.apply import said_aloud

if TYPE_CHECKING:
    from collections.abc import Callable

    from reseal.answerfile import Position
    from reseal.clone.golden import Golden
    from reseal.clone.table import Cell, Row, Table
    from reseal.windows import Sid

_OWN = ("name", "sid", "unattend", "domain")
COLUMNS = frozenset((*_OWN, *NETWORK, *SETTINGS))
_LISTS = ("addresses", "dns")
_HEX_MAC = re.compile(r"[0-9A-F]{12}")
#: Bits of a MAC address's first byte.
_MULTICAST = 1
_LIKE_SECRET = re.compile(r"(?i)pas+w|pwd|secret|token|key")
#: How many problems a message names; the rest is counted.
_SHOWN = 20


class FleetError(UsageError):
    """A fleet can't be made as it is written.

    Attributes:
        problems: all of them, `file:line:column: what`.
    """

    def __init__(self, problems: list[str]) -> None:
        more = len(problems) - _SHOWN
        rest = f"\nThere are {more} more." if more > 0 else ""
        count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
        shown = "\n".join(problems[:_SHOWN])
        super().__init__(
            f"The fleet has {count}; nothing was written.\n{shown}{rest}", "Correct the table."
        )
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Wanted:
    """One machine as the table wants it.

    Attributes:
        name: its computer name, or `*`.
        sid: a SID, `new`, `pending`, or empty where the run decides.
        template: its answer file, by name; None for the image's own.
        variables: values for the template, except name and sid.
        answers: values that become settings, by column.
        mac: as Windows writes it, or None.
        addresses: without the length of their prefix.
        domain: or None.
        key: by which a later run knows the row again; secrets are not in it.
        place: `file:line:column`.
    """

    name: str
    sid: str
    template: str | None
    variables: dict[str, str] = field(repr=False)
    answers: dict[str, list[str]] = field(repr=False)
    mac: str | None
    addresses: tuple[str, ...]
    domain: str | None
    key: str
    place: str


@dataclass(frozen=True, slots=True)
class Fleet:
    """All machines of a table, their answer files by name, as base64, and what else to know."""

    machines: list[Wanted]
    templates: dict[str, str] = field(repr=False)
    warnings: tuple[str, ...] = ()


def check(
    table: Table, golden: Golden, unattend: Path | None = None, style: str | None = None
) -> Fleet:
    """Check a table and return its machines.

    Args:
        table: the fleet.
        golden: what they are made of.
        unattend: the answer file of all machines that name none of their own.
        style: how answer files write variables; None for `${name}`, and for any other style where a
            variable has the name of a column.

    Raises:
        FleetError: something is wrong with it.
    """
    return _Check(table, golden, unattend, style).run()


class _Check:
    def __init__(
        self, table: Table, golden: Golden, unattend: Path | None, style: str | None
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

    def _template_name(self, row: Row) -> str:
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
            at = "" if most else f" ({one.file}:{one.position})"
            self._say(place, f"{one.what}; {one.why}; {one.instead}{at}")

    def _check_template(self, name: str, row: Row, values: dict[str, str]) -> None:
        template = self._templates[name]
        lacking = {one: at for one, at in variables(template).items() if one not in values}
        for variable, positions in lacking.items():
            what = f"the variable {variable} of {name}:{positions[0]} has no value"
            self._say(row.position, what)
        computer = row.text("name") if "name" in row.cells else ""
        for account in self._accounts[name] if not lacking else ():
            given = filled(account, {**values, "name": computer})
            if computer and given.casefold() == computer.casefold():
                what = (
                    f"an account of {name} has the name of this computer, and such an account gets into "
                    "no group; give one of the two another name"
                )
                self._say(row.cells["name"].position, what)
        if not lacking and (name,) not in self._judged:
            self._judged.add((name,))
            self._judge(fill(template, values), row.position)

    # Rows

    def _machine(self, row: Row) -> Wanted:
        name = self._name(row)
        sid = self._sid(row)
        mac = self._mac(row)
        addresses = self._addresses(row)
        template = self._template_name(row) if "unattend" in row.cells else None
        if template is None and self._unattend is not None:
            template = str(self._unattend)
        known = self._templates.get(template or "")
        used = {one.lower(): one for one in variables(known)} if known else {}
        values = {
            variable: row.text(column)
            for column, variable in used.items()
            if column in row.cells and column not in {"name", "sid"}
        }
        for column, variable in used.items():
            codec = known.markup.source.codec if known else "utf-8"
            if variable in values and not _is(
                partial(str.encode, encoding=codec), values[variable]
            ):
                what = f"this can't be written in the encoding of {template}, {codec}"
                self._say(row.cells[column].position, what)
        if template in self._templates:
            own = {variable: "PC-1" for column, variable in used.items() if column == "name"}
            own |= {
                variable: "S-1-5-21-1-2-3" for column, variable in used.items() if column == "sid"
            }
            self._check_template(template, row, values | own)
        if "domain" in row.cells and "domain" not in used:
            what = (
                "a domain is joined with credentials, so the answer file has to hold them and use "
                "${domain}"
            )
            self._say(row.cells["domain"].position, what)
        answers = {
            column: list(_parts(row.cells[column]) if column in _LISTS else [row.text(column)])
            for column in (*SETTINGS, *NETWORK)
            if column in row.cells and column not in used
        }
        if mac and "mac" in answers:
            answers["mac"] = [mac]
        self._check_settings(row)
        return Wanted(
            name=name,
            sid=sid,
            template=template,
            variables=values,
            answers=answers,
            mac=mac,
            addresses=addresses,
            domain=row.text("domain") or None,
            key=self._key(row, template),
            place=f"{self._table.name}:{row.position}",
        )

    def _key(self, row: Row, template: str | None) -> str:
        public = sorted(
            (column, cell.text)
            for column, cell in row.cells.items()
            if not _LIKE_SECRET.search(column)
        )
        text = self._templates[template].markup.source.text if template in self._templates else ""
        shown = repr((public, hashlib.sha256(text.encode()).hexdigest()))
        # Rows that say the same, such as random names, are told apart by their order.
        self._times[shown] = self._times.get(shown, 0) + 1
        return hashlib.sha256(f"{shown}{self._times[shown]}".encode()).hexdigest()

    def _unique(self, kind: str, value: str, place: Position) -> None:
        first = self._seen.setdefault((kind, value.upper()), place)
        if first is not place:
            self._say(place, f"the {kind} {value} stands on line {first.line} already")

    def _name(self, row: Row) -> str:
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

    def _sid(self, row: Row) -> str:
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
            self._say(cell.position, f"{sid} is no machine SID; it has the form S-1-5-21-x-y-z")
        elif sid in taken:
            self._say(cell.position, f"{sid} is {taken[sid]}")
        return str(sid)

    def _mac(self, row: Row) -> str | None:
        cell = row.cells.get("mac")
        if cell is None:
            return None
        digits = re.sub(r"[-:.]", "", cell.text).upper()
        if not _HEX_MAC.fullmatch(digits):
            self._say(cell.position, f"{cell.text} is no MAC address (such as 52-54-00-12-34-56)")
            return None
        if int(digits[:2], 16) & _MULTICAST or not int(digits, 16):
            self._say(cell.position, f"{cell.text} is no MAC address of one machine")
        mac = bytes.fromhex(digits).hex("-").upper()
        self._unique("MAC address", mac, cell.position)
        return mac

    def _addresses(self, row: Row) -> tuple[str, ...]:
        found = []
        cell = row.cells.get("addresses")
        for text in _parts(cell) if cell else ():
            assert cell
            try:
                address = ipaddress.ip_interface(text)
                if "/" not in text:
                    raise ValueError
            except ValueError:
                what = f"{text} is no address with the length of its prefix (such as 192.0.2.10/24)"
                self._say(cell.position, what)
                continue
            self._unique("address", str(address.ip), cell.position)
            found.append(str(address.ip))
        for column in ("gateway", "dns"):
            other = row.cells.get(column)
            for text in _parts(other) if other else ():
                assert other
                if not _is(ipaddress.ip_address, text):
                    self._say(other.position, f"{text} is no address")
        network = [row.cells[one] for one in ("addresses", "gateway", "dns") if one in row.cells]
        if network and "mac" not in row.cells:
            what = "addresses need a mac, by which Windows finds the network adapter"
            self._say(network[0].position, what)
        elif "gateway" in row.cells and cell is None:
            self._say(row.cells["gateway"].position, "a gateway needs addresses")
        return tuple(found)

    def _check_settings(self, row: Row) -> None:
        """Check values for settings, each combination once, as the answer file that they become."""
        key = row.cells.get("product_key")
        if key and not PRODUCT_KEY.fullmatch(key.text):
            self._say(key.position, "this is not the form of a product key")
        for column, answers in (
            ("time_zone", answerfile.Answers(time_zone=row.text("time_zone"), hide_pages=False)),
            ("locale", answerfile.Answers(locale=row.text("locale"), hide_pages=False)),
        ):
            cell = row.cells.get(column)
            if cell and (column, cell.text) not in self._judged:
                self._judged.add((column, cell.text))
                architecture = self._golden.target.architecture or "amd64"
                # One value becomes several settings, with the same fault.
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
