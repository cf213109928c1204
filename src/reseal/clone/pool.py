"""Long-lived workers on this machine, each with the golden image open, and their answers."""

from __future__ import annotations

import selectors
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Self, TypeAlias

from reseal.clone.plan import ClonePlan, FleetMachine
from reseal.errors import ImageError, ResealError
from reseal.messages import Channel, MessageError
from reseal.process import spawn

_END = 10.0
#: How often a machine is tried if its worker is killed.
_TRIES = 2


class WorkerError(ImageError):
    """A worker ended without an answer."""


#: A machine and a worker's answer: `made`, with the result of `Workshop.make`, or `error`.
Answer: TypeAlias = "tuple[FleetMachine, dict[str, Any]]"


class Worker:
    """One worker process, as seen by its client. Use it only in the thread that made it."""

    def __init__(self, plan: ClonePlan) -> None:
        self._plan = plan
        own, its = socket.socketpair()
        self.channel = Channel(own.detach())
        with its:
            self._process = spawn(
                [sys.executable, "-P", "-m", "reseal.clone.worker", str(its.fileno())],
                pass_fds=[its.fileno()],
                bounded=False,
            )
        with suppress(WorkerError):  # `wait` also reports a worker that has already ended
            self._send(plan.to_json())

    def ask(self, machine: FleetMachine) -> None:
        """Request a machine. Raises WorkerError if the worker has ended."""
        self._send(machine.to_json())

    def wait(self) -> dict[str, Any]:
        """Return the next answer: `ready`, `made` or `error`.

        Raises:
            WorkerError: the worker has ended.
        """
        with suppress(OSError, MessageError):
            if answer := self.channel.receive():
                return answer
        raise self._ended()

    def _send(self, message: dict[str, Any]) -> None:
        try:
            self.channel.send(message)
        except OSError as error:
            raise self._ended() from error

    def _ended(self) -> WorkerError:
        return WorkerError(
            f"a worker that makes clones of {self._plan.golden} ended early.",
            "Run reseal again; finished clones stay.",
        )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def close(self) -> None:
        """End the worker; its current clone is finished or discarded."""
        self.channel.close()
        with suppress(Exception):
            self._process.wait(_END)
        self._process.kill()
        self._process.communicate()


class Pool:
    """Workers on this machine. A context.

    Args:
        plan: the plan of the fleet.
        jobs: the number of workers.
    """

    def __init__(self, plan: ClonePlan, jobs: int) -> None:
        self._plan = plan
        self._jobs = jobs
        self._workers: set[Worker] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.channel.close()
        for worker in self._workers:
            worker.close()

    def run(
        self, machines: Iterable[FleetMachine], started: Callable[[FleetMachine], None]
    ) -> Iterator[Answer]:
        """Make machines; yield the answers as they arrive.

        A worker that was killed is replaced, and its machine tried once more.

        Args:
            machines: the machines, in the order in which they are begun.
            started: called with each machine when it is begun.

        Raises:
            ResealError: a worker can't open the golden image.
        """
        waiting = list(machines)[::-1]
        tried: dict[str, int] = {}
        unready = 0
        busy: dict[Worker, FleetMachine | None] = {}
        with selectors.DefaultSelector() as selector:

            def hire() -> None:
                worker = Worker(self._plan)
                self._workers.add(worker)
                selector.register(worker.channel, selectors.EVENT_READ, worker)
                busy[worker] = None

            def dismiss(worker: Worker) -> None:
                selector.unregister(worker.channel)
                self._workers.discard(worker)
                busy.pop(worker)
                worker.close()

            def next_for(worker: Worker) -> None:
                if not waiting:
                    dismiss(worker)
                    return
                machine = waiting.pop()
                tried[machine.name] = tried.get(machine.name, 0) + 1
                busy[worker] = machine
                started(machine)
                with suppress(WorkerError):  # the selector reports it, too
                    worker.ask(machine)

            for _ in range(min(self._jobs, len(waiting))):
                hire()
            while busy:
                for key, _ in selector.select():
                    worker: Worker = key.data
                    machine = busy[worker]
                    try:
                        answer = worker.wait()
                    except WorkerError as error:
                        dismiss(worker)
                        if machine is None:
                            # It may have been killed during its start; two failed starts end the run.
                            unready += 1
                            if unready >= _TRIES:
                                raise
                        elif tried[machine.name] < _TRIES:
                            waiting.append(machine)
                        else:
                            yield machine, {"error": plain(error)}
                        if waiting:
                            hire()
                        continue
                    if machine is None:
                        unready = 0
                        if "error" in answer:
                            raise _raised(answer["error"])
                    else:
                        busy[worker] = None
                        yield machine, answer
                    next_for(worker)


def plain(error: ResealError) -> dict[str, Any]:
    """Return an error as plain data."""
    return {"message": error.message, "hint": error.hint, "exit_code": error.exit_code}


def _raised(error: dict[str, Any]) -> ResealError:
    """Return the error that a worker reported."""
    raised = ImageError(str(error["message"]), error.get("hint"))
    raised.exit_code = int(error["exit_code"])
    return raised
