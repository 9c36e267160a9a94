"""A waiting room with the flaws of 2021, to show that the test of each trick can fail.

It numbers connections instead of people, trusts the browser's clock, lets the page decide whose
turn it is, guards one spelling of one address, and takes anybody with an address for its owner.
"""

import itertools


class NaivePortal:
    def __init__(self, *, opens_in: float = -60) -> None:
        self.opens_at = opens_in
        self.line: list[int] = []
        self.serving = 0
        self.admitted: list[int] = []
        self.max_active = 1_000
        self._connections = itertools.count(1)

    def device(self, person: str) -> "NaiveDevice":
        return NaiveDevice(self, person)

    def call(self, count: int) -> None:
        self.serving += count

    def deliver_tick_twice(self, count: int) -> int:
        self.call(count)
        self.call(count)
        return self.serving

    def step_server_clock(self, seconds: float) -> None:
        self.opens_at -= seconds


class NaiveDevice:
    def __init__(self, portal: NaivePortal, person: str) -> None:
        self.portal, self.person = portal, person
        self.connection = next(portal._connections)
        self.clock = 0.0

    def join(self) -> None:
        self.portal.line.append(self.connection)

    def place(self) -> int | None:
        if self.connection not in self.portal.line:
            return None
        return len(self.portal.line) - self.portal.line[::-1].index(self.connection)

    def address(self) -> str:
        return f"/t/{self.connection}"

    def read(self, address: str) -> str:
        return f"place {self.portal.line.index(int(address.removeprefix('/t/'))) + 1}"

    def turn_clock(self, seconds: float) -> None:
        self.clock = seconds

    def drop_connection(self) -> None:
        self.connection = next(self.portal._connections)
        self.join()

    def enter(self, address: str | None = None) -> bool:
        if self.clock < self.portal.opens_at:
            return False
        self.portal.admitted.append(self.connection)
        return True

    def open(self, path: str) -> bool:
        return path != "/booking/" or self.connection in self.portal.admitted
