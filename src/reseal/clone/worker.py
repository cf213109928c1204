"""A process that holds a golden image open and makes clones of it: `python -m reseal.clone.worker FD`.

It receives and answers messages on a socket: first a plan, then one machine after the other, until the
socket is closed. It opens the golden image once and makes each machine in a fork that may write to one
file only.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.clone.pool import plain
from reseal.clone.workshop import Workshop
from reseal.errors import ResealError
from reseal.interruption import interrupt, settled
from reseal.messages import Channel


def serve(channel: Channel) -> None:
    """Open the golden image of the first message, and make the machines of the others."""
    plan = ClonePlan(**channel.receive() or {})
    try:
        workshop = Workshop(plan).__enter__()
    except ResealError as error:
        channel.send({"error": plain(error)})
        return
    with workshop:
        channel.send({"ready": os.getpid()})
        while machine := channel.receive():
            try:
                with settled():
                    made = workshop.make(FleetMachine(**machine))
            except ResealError as error:
                channel.send({"error": plain(error)})
            else:
                channel.send({"made": made})


if __name__ == "__main__":
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda *_: interrupt())  # to delete its temporary files
    with contextlib.suppress(KeyboardInterrupt):
        serve(Channel(int(sys.argv[1])))
