"""The identity of each machine of a fleet, given the machines that the folder already has.

A row of the table that an earlier run has planned keeps its identity. Random values are drawn from the
folder's seed and the row, so that the order of the rows and the number of workers do not matter.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace

from reseal.clone.fleet import Fleet, FleetError
from reseal.clone.golden import Golden
from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.clone.record import MADE, PLANNED, FleetEntry, FleetRecord
from reseal.clone.workshop import stream
from reseal.errors import ImageError
from reseal.providers.computer_name import random_name
from reseal.sid import choose
from reseal.specialize import SidChoice
from reseal.specialize.machine import prefix_of
from reseal.specialize.wish import RANDOM

#: The maximum number of draws until a value is unused; a handful is already unlikely.
_DRAWS = 1000


class Planner:
    """Gives every machine of a fleet an identity that no machine of the folder has.

    Args:
        fleet: the machines.
        golden: the image that they are made from.
        plan: the plan of the run.
        record: the machines that the folder already has; the new ones are added.
        sid: what generates SIDs that the table does not name.
    """

    def __init__(
        self, fleet: Fleet, golden: Golden, plan: ClonePlan, record: FleetRecord, sid: SidChoice
    ) -> None:
        self._fleet = fleet
        self._golden = golden
        self._plan = plan
        self._record = record
        self._sid = sid
        self._problems: list[str] = []
        machines = fleet.machines
        self._named = {value.upper() for one in machines for value in (one.name, one.sid or "")}

    def plan(self) -> list[tuple[FleetMachine, FleetEntry]]:
        """Return the machines with their entries; raises FleetError."""
        entries = self._record.machines
        rows = {one.row: one for one in entries.values()}
        keyed = [(one, self._row(one)) for one in self._fleet.machines]
        self._give_back({row for _, row in keyed})
        for wanted, _ in keyed:
            self._claim(wanted)
        work = []
        for wanted, row in keyed:
            entry = rows.get(row)
            if entry is None or entry.name.upper() not in entries:
                entry = self._entry(wanted, row)
            work.append((self._machine(wanted, entry), entry))
        if self._problems:
            raise FleetError(self._problems)
        entries.update((entry.name.upper(), entry) for _, entry in work)
        return work

    def _give_back(self, own: set[str]) -> None:
        """Collect the identities of machines of other rows.

        A machine that a failed run planned, and whose name another row now uses, loses its identity.
        """
        entries = self._record.machines
        named = {one.name.upper() for one in self._fleet.machines}
        others = {name: one for name, one in entries.items() if one.row not in own}
        for name, one in others.items():
            if one.state != MADE and name in named:
                del entries[name]
        self._taken = {
            kind: {
                value.upper(): one.name
                for name, one in others.items()
                if name in entries
                for value in values(one)
            }
            for kind, values in _KINDS.items()
        }

    def _row(self, wanted: FleetMachine) -> str:
        plan = self._plan
        how: tuple[object, ...] = (wanted.key, self._golden.fingerprint, plan.format, plan.thin)
        how += (plan.now, plan.all_volumes, plan.volume, plan.drivers)
        return hashlib.sha256(repr((how, self._sid.value)).encode()).hexdigest()

    def _claim(self, wanted: FleetMachine) -> None:
        """Record a problem for each value that another machine of the folder already has."""
        sid = wanted.sid or ""
        named = {
            "name": [] if wanted.name == RANDOM else [wanted.name],
            "SID": [sid] if sid.startswith("S-") else [],
            "MAC address": [wanted.mac] if wanted.mac else [],
            "address": list(wanted.addresses),
        }
        for kind, values in named.items():
            for value in values:
                other = self._taken[kind].get(value.upper())
                if other is not None:
                    self._problems.append(
                        f"{wanted.place}: the {kind} {value} belongs to {other} of an earlier run "
                        f"into {self._plan.output_dir}."
                    )

    def _entry(self, wanted: FleetMachine, row: str) -> FleetEntry:
        key = f"{self._record.seed}\0{row}"
        name = wanted.name
        if name == RANDOM:
            draw = stream(f"{key}\0name")
            name = self._drawn("name", lambda: random_name(draw, prefix_of(self._golden.server)))
        self._taken["name"][name.upper()] = name
        choice = wanted.sid or self._sid.value
        sid: str | None = None if choice == SidChoice.PENDING else choice
        if choice == SidChoice.NEW:
            if self._golden.sid is None:
                msg = f"{self._golden.path} has no machine SID (no SECURITY and SAM hives)."
                raise ImageError(msg, "Restore the hives from a backup.")
            old, draw = self._golden.sid, stream(f"{key}\0sid")
            foreign = frozenset({self._golden.domain} if self._golden.domain else ())
            sid = self._drawn("SID", lambda: str(choose(old, draw, foreign)))
        if sid:
            self._taken["SID"][sid.upper()] = name
        return FleetEntry(
            name=name,
            state=PLANNED,
            path=self._plan.output(name).name,
            format=self._plan.format,
            thin=self._plan.thin,
            golden=os.path.relpath(self._plan.golden, self._plan.output_dir),
            row=row,
            identity={
                "computer_name": name,
                "machine_sid": sid,
                "sid_when": None,
                "machine_guid": None,
                "mac": wanted.mac,
                "addresses": list(wanted.addresses),
                "domain": wanted.domain,
            },
        )

    def _drawn(self, kind: str, draw: Callable[[], str]) -> str:
        """Draw until a value is used neither in the folder nor in the table."""
        for _ in range(_DRAWS):
            value = draw()
            if value.upper() not in self._taken[kind] and value.upper() not in self._named:
                return value
        raise ImageError(f"no unused {kind} could be generated.")

    def _machine(self, wanted: FleetMachine, entry: FleetEntry) -> FleetMachine:
        sid = entry.identity.get("machine_sid")
        choice = wanted.sid or self._sid.value
        used = {"name": entry.name, "sid": sid or ""}
        return replace(
            wanted,
            name=entry.name,
            sid=sid or (SidChoice.PENDING.value if choice == SidChoice.PENDING else None),
            key=f"{self._record.seed}\0{entry.row}",
            variables={**wanted.variables, **used},
        )


_KINDS: dict[str, Callable[[FleetEntry], list[str]]] = {
    "name": lambda one: [one.name],
    "SID": lambda one: [sid] if (sid := one.identity.get("machine_sid")) else [],
    "MAC address": lambda one: [mac] if (mac := one.identity.get("mac")) else [],
    "address": lambda one: list(one.identity.get("addresses") or ()),
}
