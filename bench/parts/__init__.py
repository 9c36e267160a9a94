"""The parts of `python -m bench`: each measures one thing, in a module of this folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

from bench.figures import Picture, Row, Size


@dataclass(frozen=True)
class Part:
    name: str
    about: str

    def measure(self, size: Size) -> Iterator[Row | Picture]:
        # Imported here: most parts choose Django's settings when they are imported.
        yield from import_module(f"bench.parts.{self.name}").measure(size)


_ABOUT = {
    "joins": "joins over HTTP, each committed, by number of connections",
    "crowd": "joins while a hundred thousand others poll; memory of the web processes",
    "now": "the now document that everybody in the line asks for",
    "whole_path": "from the start page to the receipt, the wait in the line included",
    "identity": "proving who one is on the spot: form, code, check",
    "bookings": "whole bookings over HTTP after entering: find, hold, confirm, receipt",
    "saturation": "half, all and twice of the bookings that the machine can do",
    "profile": "where the CPU time of a booking goes, by page",
    "reserve": "hold and confirm by the services, against pgbench",
    "lanes": "looking up a booking and the day of a clinic beside a crowd",
    "lists": "the list of a district's open times made anew",
    "nodes": "one and two web nodes behind a balancer; what more of them would give",
    "flat": "each act with a thousand to a million rows in the tables",
    "settings": "what each setting of Postgres gives, one changed at a time",
    "decisions": "one decision whether somebody may book",
}
PARTS = {name: Part(name, about) for name, about in _ABOUT.items()}
