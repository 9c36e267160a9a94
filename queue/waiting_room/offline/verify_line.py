#!/usr/bin/env python3
"""Check the log of a waiting room: python verify_line.py LOG.csv

Needs nothing but Python 3.9 and the log, shares no code with the portal, and does not go online.
It recomputes every hash, the draw and every place, and looks for tickets that were swapped, put
in, taken out or given another number, and for calls out of turn. What is wrong is said in plain
words with the line of the file. Exit code: 0 all right, 1 trouble, 2 the file can't be read,
3 all right so far, but the proof is newer than the file.

    --root HEX      a log root that you saw or wrote down earlier: it must be in the log's history
    --ticket HASH   a ticket, by its hash as shown on the ticket page: what does the log say of it?
    --place N       with --ticket: the place that you were told
    --proof FILE    the proof saved from a ticket page (JSON): it must belong to this log

The format and the rules are written down in docs/line-log.md of the portal.
"""

from __future__ import annotations

import argparse
import csv
import datetime
import hashlib
import json
import sys
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

ROUNDS = 90
EMPTY = hashlib.sha256(b"").digest()
COLUMNS = ["row", "number", "at", "hash", "details"]
HEAD = {"room", "order", "opens", "commitment", "frozen", "public", "secret", "inputs", "seed"}
# The columns that each kind of line leaves empty.
EMPTY_COLUMNS = {
    "jari-line": (2, 3, 4), "room": (1, 2, 3), "order": (1, 2, 3), "opens": (1, 3, 4),
    "commitment": (1, 2, 4), "frozen": (2, 4), "public": (1, 2, 3), "secret": (1, 2, 4),
    "inputs": (1, 2, 3), "seed": (1, 2, 4), "act": (3,), "root": (4,),
}  # fmt: skip
PAGE_TICKETS = 4096
# drand's quicknet: https://drand.love. A round every three seconds, the first at GENESIS.
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
GENESIS, PERIOD = 1_692_803_367, 3
SECOND = 1_000_000  # times are in microseconds
PATIENCE = 600  # seconds that a planned source has before the way out of the plan is open
# What no plan may change once people have joined.
RULE = ("order", "source", "after", "chain", "officers", "statement")
MOST_TROUBLES = 100


@dataclass
class Report:
    """What was found. `troubles` are (line of the file, what is wrong there)."""

    troubles: list[tuple[int, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    room: str = ""
    pages: int = 0
    tickets: int = 0
    acts: int = 0
    called: int = 0
    frozen: int | None = None
    drawn: bool = False
    root: str = EMPTY.hex()
    roots: dict[str, int] = field(default_factory=dict)  # every root the log has had: its pages
    ticket: dict[str, Any] | None = None  # what was asked for with --ticket
    newer: bool = False  # the proof is of a later moment than the file

    @property
    def is_good(self) -> bool:
        return not self.troubles


class Unreadable(Exception):
    """The file is no log of a line at all."""


# The draw: swap-or-not, as in the Ethereum consensus specification.


def place_of(entry: int, count: int, seed: bytes) -> int:
    """Both from 0."""
    index = entry
    for number in range(ROUNDS):
        prefix = seed + bytes([number])
        pivot = int.from_bytes(hashlib.sha256(prefix).digest()[:8], "little") % count
        flip = (pivot - index) % count
        position = max(index, flip)
        block = hashlib.sha256(prefix + (position // 256).to_bytes(4, "little")).digest()
        if block[position % 256 // 8] >> (position % 8) & 1:
            index = flip
    return index


def all_places(count: int, seed: bytes) -> array[int]:
    """place_of for every entry: the rounds, last first, swap masked parts of the whole list."""
    line = array("I", range(count))
    masks = [
        b"".join(b"\xff" * 4 if n >> bit & 1 else bytes(4) for bit in range(8)) for n in range(256)
    ]
    for number in reversed(range(ROUNDS)) if count else ():
        prefix = seed + bytes([number])
        pivot = int.from_bytes(hashlib.sha256(prefix).digest()[:8], "little") % count
        blocks = (block.to_bytes(4, "little") for block in range((count + 255) // 256))
        bits = b"".join(hashlib.sha256(prefix + block).digest() for block in blocks)
        swap = b"".join([masks[byte] for byte in bits])
        # The entries up to the pivot lie mirrored to each other, and so do those after it.
        for start, end in ((0, pivot + 1), (pivot + 1, count)):
            half = (end - start) // 2
            low, high = line[start : start + half][::-1], line[end - half : end]
            first, second = (int.from_bytes(part.tobytes(), "little") for part in (low, high))
            change = (first ^ second) & int.from_bytes(swap[4 * (end - half) : 4 * end], "little")
            low = array("I", (first ^ change).to_bytes(4 * half, "little"))
            line[start : start + half] = low[::-1]
            line[end - half : end] = array("I", (second ^ change).to_bytes(4 * half, "little"))
    return line


def commitment_to(secret: bytes) -> str:
    return hashlib.sha256(b"jari/draw/commitment/v1\n" + secret).hexdigest()


def seed_from(list_digest: bytes, inputs: str) -> bytes:
    return hashlib.sha256(b"jari/draw/seed/v2\n" + list_digest + inputs.encode()).digest()


def first_round_after(at: int) -> int:
    """The first round of quicknet at or after this time (microseconds); its time by round_time."""
    return max(0, -(-(at - GENESIS * SECOND) // (PERIOD * SECOND))) + 1


def round_time(number: int) -> int:
    return (GENESIS + (number - 1) * PERIOD) * SECOND


def beacon_number(number: int, signature: str) -> str | None:
    """The random number of a round; None if the library that checks it is not installed.

    Raises ValueError if the signature is not the one of this round.
    """
    try:
        from drand_verify import verify_quicknet  # pip install drand-verify
    except ImportError:
        return None
    return str(verify_quicknet(number, signature))


# How draws were held in logs of format 1.


def seed_from_v1(secret: bytes, list_digest: bytes, public_value: str) -> bytes:
    public = hashlib.sha256(public_value.strip().encode()).digest()
    return hashlib.sha256(b"jari/draw/seed/v1\n" + secret + list_digest + public).digest()


# Merkle trees as in RFC 9162.


def leaf_hash(leaf: bytes) -> bytes:
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


class Tree:
    """A Merkle tree that only grows: the complete subtrees so far, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self.subtrees: list[bytes] = []

    def add(self, leaf: bytes) -> None:
        node, count = leaf_hash(leaf), self.size
        while count & 1:
            node = node_hash(self.subtrees.pop(), node)
            count >>= 1
        self.subtrees.append(node)
        self.size += 1

    def root(self) -> bytes:
        if not self.subtrees:
            return EMPTY
        node = self.subtrees[-1]
        for left in reversed(self.subtrees[:-1]):
            node = node_hash(left, node)
        return node


def root_from_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """The root that an inclusion proof leads to: RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return None
    number, last, node = index, size - 1, leaf_hash(leaf)
    for step in path:
        if last == 0:
            return None
        if number & 1 or number == last:
            node = node_hash(step, node)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            node = node_hash(node, step)
        number, last = number >> 1, last >> 1
    return None if last else node


# The check.


class Checker:
    """Reads a log row by row; `report` holds what it found."""

    def __init__(self, ticket: str = "") -> None:
        self.report = Report(roots={EMPTY.hex(): 0})
        self.wanted = ticket.lower()
        self.head: dict[str, tuple[int, list[str]]] = {}
        self.tree = Tree()
        self.page: dict[str, Any] | None = None  # the record of the page being read
        self.page_line = 0
        self.page_tree = Tree()
        self.page_tickets = self.page_acts = 0
        self.upto = 0
        self.last_entry = 0
        self.entry_line = 0
        self.act_number = 0
        self.seen: dict[str, int] = {}
        self.format = 2
        self.committed = ""
        self.officers: dict[str, str] = {}  # commitments by name
        self.planned: dict[str, str] = {}  # when the doors open, and how the order is found
        self.plan: dict[str, Any] = {}
        self.first_joined = 0
        self.frozen: tuple[int, str] | None = None
        self.frozen_at = self.frozen_page = 0
        self.revealed: dict[str, Any] | None = None
        self.paused = self.closed = False
        self.places: array[int] | None = None
        self.end_line = 0

    def trouble(self, line: int, what: str) -> None:
        if len(self.report.troubles) < MOST_TROUBLES:
            self.report.troubles.append((line, what))

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> Report:
        handlers = {"page": self.on_page, "ticket": self.on_ticket, "act": self.on_act}
        rows = iter(rows)
        self.on_first_rows(rows)
        line = 0
        for line, row in rows:
            if len(row) != len(COLUMNS):
                self.trouble(line, f"This line has {len(row)} columns instead of {len(COLUMNS)}.")
                continue
            kind = row[0]
            if any(row[column] for column in EMPTY_COLUMNS.get(kind, ())):
                self.trouble(line, f"A line of the kind “{kind}” has more on it than it should.")
            if self.end_line:
                self.trouble(line, "There are lines after the last one, which gives the root.")
                break
            try:
                if kind in HEAD:
                    self.on_head(line, row)
                elif kind == "root":
                    self.on_root(line, row)
                elif kind in handlers:
                    handlers[kind](line, row)
                else:
                    self.trouble(line, f"Nobody knows lines of the kind “{kind}”.")
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self.trouble(line, f"This line can't be understood: {error}.")
        self.finish(line)
        return self.report

    def on_first_rows(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        first = next(rows, (0, []))[1]
        second = next(rows, (0, []))[1]
        if first != COLUMNS or second[:1] != ["jari-line"]:
            raise Unreadable("This is no log of a line: its first two lines are others.")
        if second not in (["jari-line", "1", "", "", ""], ["jari-line", "2", "", "", ""]):
            raise Unreadable("This log has another format than 1 or 2, which this program knows.")
        self.format = int(second[1])

    def on_head(self, line: int, row: list[str]) -> None:
        kind = row[0]
        if self.page or kind in self.head:
            self.trouble(line, f"“{kind}” stands in the wrong place or twice.")
        self.head[kind] = (line, row)
        if kind == "room":
            self.report.room = row[4]
        elif kind == "opens":
            int(row[2])
        elif kind == "frozen":
            int(row[1])

    def value(self, kind: str, column: int) -> str:
        return self.head[kind][1][column] if kind in self.head else ""

    # Pages, tickets, acts

    def on_page(self, line: int, row: list[str]) -> None:
        self.end_page()
        self.page, self.report.pages = None, self.report.pages + 1
        record = page_record(row[4])
        canonical = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        if canonical != row[4]:
            self.trouble(line, "The record of this page is not written in the one agreed way.")
        self.page, self.page_line = record, line
        self.page_tree, self.page_tickets, self.page_acts = Tree(), 0, 0
        number = record["number"]
        if [str(record["number"]), str(record["at"]), record["root"]] != row[1:4]:
            self.trouble(line, "Number, time or root of this page differ from its record.")
        if number != self.report.pages:
            self.trouble(line, f"Page {self.report.pages} is expected here, not page {number}.")
        if record["room"] != self.report.room:
            self.trouble(line, f"This page belongs to another room, {record['room']}.")
        if record["previous"] != self.report.root:
            self.trouble(
                line,
                f"Page {number} was added to another log than the one before this line: something "
                "in the earlier pages was changed later, or a page is missing.",
            )
        if record["after"] != self.upto or record["upto"] < record["after"]:
            self.trouble(
                line,
                f"Page {number} should go on after entry {self.upto}; it says it goes from "
                f"{record['after']} to {record['upto']}.",
            )
        if record["tickets"] > PAGE_TICKETS:
            self.trouble(line, f"Page {number} holds more than {PAGE_TICKETS} tickets.")
        if self.places is None and self.seed_is_usable():
            self.places = all_places(int(self.value("frozen", 1)), self.seed())

    def on_ticket(self, line: int, row: list[str]) -> None:
        entry, joined, digest = int(row[1]), int(row[2]), row[3]
        if [str(entry), str(joined)] != row[1:3]:
            self.trouble(line, "A number on this line is not written in the one agreed way.")
        if self.page is None:
            self.on_no_page(line)
            return
        if self.page_acts:
            self.trouble(line, "This ticket stands among the acts of its page.")
        self.page_tree.add(f"ticket,{self.report.room},{entry},{joined},{digest}".encode())
        self.page_tickets += 1
        self.report.tickets += 1
        self.first_joined = min(self.first_joined or joined, joined)
        self.check_entry(line, entry, digest)
        place = self.place(entry)
        if row[4] and place is not None and row[4] != str(place):
            self.trouble(
                line, f"Entry {entry} is said to have place {row[4]}; the draw gives {place}."
            )
        if digest == self.wanted:
            self.report.ticket = {"line": line, "entry": entry, "joined": joined}

    def on_no_page(self, line: int) -> None:
        if not self.report.pages:
            self.trouble(line, "This line stands before the first page.")
        # Else the page that it belongs to could not be read, which was said once.

    def check_entry(self, line: int, entry: int, digest: str) -> None:
        page = self.page or {}
        if entry <= self.last_entry:
            self.trouble(
                line,
                f"Entry {entry} comes after entry {self.last_entry} of line {self.entry_line}: "
                "tickets were swapped, or one was put in or given another number.",
            )
        if not page["after"] < entry <= page["upto"]:
            self.trouble(
                line,
                f"Entry {entry} does not belong on page {page['number']}, which goes from "
                f"{page['after'] + 1} to {page['upto']}: it was put in or given another number.",
            )
        if digest in self.seen:
            self.trouble(line, f"The ticket of line {self.seen[digest]} stands here once more.")
        self.seen[digest] = line
        self.last_entry, self.entry_line = max(entry, self.last_entry), line

    def on_act(self, line: int, row: list[str]) -> None:
        act = json.loads(row[4])
        if self.page is None:
            self.on_no_page(line)
            return
        self.page_tree.add(row[4].encode())
        self.page_acts += 1
        self.report.acts += 1
        self.act_number += 1
        if act["number"] != self.act_number:
            self.trouble(line, f"Act {self.act_number} is expected here, not act {act['number']}.")
            self.act_number = act["number"]
        if [str(act["number"]), str(act["at"])] != row[1:3] or act["room"] != self.report.room:
            self.trouble(line, "Number, time or room of this act differ from its record.")
        if self.closed and act["act"] != "close":
            self.trouble(line, f"“{act['act']}” was done after the room had been closed.")
        known = {
            "commit": self.on_commit,
            "plan": self.on_plan,
            "freeze": self.on_freeze,
            "reveal": self.on_reveal,
            "call": self.on_call,
        }
        if act["act"] in known:
            known[act["act"]](line, act)
        elif act["act"] in ("pause", "resume"):
            self.paused = act["act"] == "pause"
        elif act["act"] == "close":
            self.closed = True

    def on_commit(self, line: int, act: dict[str, Any]) -> None:
        if self.frozen:
            self.trouble(line, "The commitment was recorded only after the list was closed.")
        by = act.get("by", "portal")
        before = self.committed if by == "portal" else self.officers.get(by, "")
        if before and act["commitment"] != before:
            self.trouble(line, "The commitment was changed after it had been published.")
        if by == "portal":
            self.committed = act["commitment"]
            return
        if self.first_joined and act["at"] > self.first_joined:
            self.trouble(line, f"{by} committed to a secret only after people had joined.")
        self.officers[by] = act["commitment"]

    def on_plan(self, line: int, act: dict[str, Any]) -> None:
        if self.frozen or self.report.called:
            self.trouble(line, "Opening or order were changed after the line had begun to move.")
        if self.planned:
            self.report.notes.append(
                f"On {when(act['at'])} the opening was set anew, to {when(act['opens_at'])}."
            )
        changed = any(act.get(key) != self.plan.get(key) for key in RULE)
        if changed and self.first_joined and act["at"] > self.first_joined:
            self.trouble(line, "The rule of the draw was set or changed after people had joined.")
        self.planned = {"opens": str(act["opens_at"]), "order": str(act["order"])}
        self.plan = act

    def on_freeze(self, line: int, act: dict[str, Any]) -> None:
        page = self.page or {}
        if self.frozen:
            self.trouble(line, "The list was closed a second time.")
        self.frozen = (act["count"], act["digest"])
        self.frozen_at, self.frozen_page = act["at"], page["number"]
        if act["count"] != page["after"]:
            self.trouble(
                line,
                f"The list was closed at entry {act['count']}, but at that time it went to "
                f"{page['after']}.",
            )
        if act["digest"] != page["previous"]:
            self.trouble(line, "The digest of the closed list is not the log's root at that time.")
        self.check_opening(line, act, "The list was closed")

    def check_opening(self, line: int, act: dict[str, Any], what: str) -> None:
        opens = self.value("opens", 2)
        if opens and act["at"] < int(opens):
            self.trouble(line, f"{what} at {when(act['at'])}, before the opening at {when(opens)}.")

    def on_reveal(self, line: int, act: dict[str, Any]) -> None:
        if self.revealed:
            self.trouble(line, "The draw was revealed a second time.")
        if not self.frozen:
            self.trouble(line, "The draw was revealed before the list was closed.")
            return
        if self.format == 1:
            self.check_draw_v1(line, act)
            return
        self.revealed = {name: str(act[name]) for name in ("inputs", "seed")}
        if self.page and self.page["number"] == self.frozen_page:
            self.trouble(
                line,
                "The draw was held in the same page in which the list was closed: its number was "
                "known before the closed list was published.",
            )
        inputs = dict(part.split("=", 1) for part in act["inputs"].split("\n"))
        if "\n".join(f"{name}={inputs[name]}" for name in sorted(inputs)) != act["inputs"]:
            self.trouble(line, "The inputs of the seed are not written in the one agreed way.")
        digest = bytes.fromhex(self.frozen[1])
        if seed_from(digest, act["inputs"]).hex() != act["seed"]:
            self.trouble(line, "The seed does not follow from the closed list and the inputs.")
        self.check_inputs(line, act, inputs)

    def check_inputs(self, line: int, act: dict[str, Any], inputs: dict[str, str]) -> None:
        """Each input must be what was promised before, or what did not exist then."""
        secret = inputs.pop("portal", "")
        if not self.committed:
            self.trouble(line, "No commitment to the secret was recorded before the draw.")
        elif commitment_to(bytes.fromhex(secret)) != self.committed:
            self.trouble(line, "The secret is not the one that was committed to before.")
        opened = self.check_officers(line, inputs)
        source, due = self.plan.get("source"), self.frozen_at + self.plan.get("after", 0) * SECOND
        if act.get("source") != source:
            self.trouble(line, f"The plan says {source}, but the draw was held by another source.")
        if act["at"] < due:
            self.trouble(line, f"The draw was held at {when(act['at'])}, before {when(due)}.")
        if source == "drand" and "beacon" in inputs:
            self.check_beacon(line, act, inputs.pop("beacon"), due)
        elif source == "sample" and "sample" in inputs:
            inputs.pop("sample")
            self.report.notes.append(
                "The number of this draw was MADE UP for a sample: it says nothing of the order."
            )
        elif source == "officers" and opened == len(self.officers) == self.plan.get("officers"):
            self.report.notes.append(f"All {opened} officers opened what they had committed to.")
        elif "stated" in inputs:
            self.check_stated(line, act, inputs.pop("stated"), due)
        else:
            self.trouble(line, f"Of the planned source, {source}, nothing went into the seed.")
        if source != "stated" and "stated" in inputs:
            self.check_stated(line, act, inputs.pop("stated"), due)
        for name in inputs:
            self.trouble(line, f"“{name}” went into the seed, but not by the plan.")

    def check_officers(self, line: int, inputs: dict[str, str]) -> int:
        """How many officers opened their secret; whoever withheld it is named."""
        opened = 0
        for name, commitment in self.officers.items():
            secret = inputs.pop(f"officer {name}", None)
            if secret is None:
                self.report.notes.append(f"{name} withheld the secret committed to.")
            elif commitment_to(bytes.fromhex(secret)) != commitment:
                self.trouble(line, f"{name} opened another secret than the one committed to.")
            else:
                opened += 1
        return opened

    def check_beacon(self, line: int, act: dict[str, Any], number: str, due: int) -> None:
        if self.plan.get("chain") != QUICKNET:
            self.trouble(line, "The plan names another chain than drand's quicknet.")
        expected = first_round_after(due)
        if act["round"] != expected:
            self.trouble(
                line,
                f"Round {act['round']} was used; by the plan it is round {expected}, the first "
                f"after {when(due)}.",
            )
        if act["at"] < round_time(act["round"]):
            self.trouble(line, f"Round {act['round']} did not exist yet when the draw was held.")
        try:
            found = beacon_number(act["round"], act["signature"])
        except (ValueError, OverflowError) as error:
            self.trouble(line, f"The signature of the beacon is wrong: {error}.")
            return
        if found is None:
            self.report.notes.append(
                "NOT CHECKED: the signature of the beacon. Install drand-verify (pip install "
                f"drand-verify), or compare round {act['round']} of quicknet with {number}."
            )
        elif found != number:
            self.trouble(line, "The number of the beacon does not follow from its signature.")
        else:
            self.report.notes.append(
                f"The order was fixed by round {act['round']} of drand's quicknet, published at "
                f"{when(round_time(act['round']))}, after the list was closed."
            )

    def check_stated(self, line: int, act: dict[str, Any], value: str, due: int) -> None:
        statement = self.plan.get("statement")
        if not statement:
            self.trouble(line, "A value was stated by hand, which the plan does not allow.")
            return
        if self.plan.get("source") != "stated" and act["at"] < due + PATIENCE * SECOND:
            self.trouble(
                line, "The value was stated by hand before the planned source had its ten minutes."
            )
        self.report.notes.append(
            f"NOT CHECKED: that “{value}” is what the plan names: {statement}. Compare it yourself."
        )

    def check_draw_v1(self, line: int, act: dict[str, Any]) -> None:
        """Logs of format 1: the number was known before the list was closed."""
        self.revealed = {name: str(act[name]) for name in ("secret", "public_value", "seed")}
        secret = bytes.fromhex(act["secret"])
        if not self.committed:
            self.trouble(line, "No commitment to the secret was recorded before the draw.")
        elif commitment_to(secret) != self.committed:
            self.trouble(line, "The secret is not the one that was committed to before.")
        digest = bytes.fromhex((self.frozen or (0, ""))[1])
        if seed_from_v1(secret, digest, act["public_value"]).hex() != act["seed"]:
            self.trouble(
                line, "The seed does not follow from the secret, the list and the public value."
            )
        self.report.notes.append(
            "This log is of format 1: its operator knew the number before the list was closed."
        )

    def on_call(self, line: int, act: dict[str, Any]) -> None:
        first, last = act["first"], act["last"]
        called = self.report.called
        if self.value("order", 4) == "draw" and not self.revealed:
            self.trouble(line, f"Places {first} to {last} were called before the draw.")
        self.check_opening(line, act, f"Places {first} to {last} were called")
        if self.paused:
            self.trouble(line, f"Places {first} to {last} were called during a pause.")
        if self.page and last > self.page["upto"]:
            self.trouble(line, f"Place {last} was called before anybody in the log held it.")
        if last < first:
            self.trouble(line, f"A call goes backwards, from place {first} to {last}.")
        if first <= called:
            self.trouble(line, f"Place {first} was called again; {called} had been reached.")
        elif first > called + 1:
            self.trouble(line, f"Places {called + 1} to {first - 1} were passed over.")
        self.report.called = max(called, last)

    def end_page(self) -> None:
        page = self.page
        if page is None:
            return
        for name, said, found in (
            ("ticket", page["tickets"], self.page_tickets),
            ("act", page["acts"], self.page_acts),
        ):
            if found != said:
                change = f"{found - said} put in" if found > said else f"{said - found} taken out"
                self.trouble(
                    self.page_line,
                    f"Page {page['number']} was recorded with {said} {name}s and has {found}: "
                    f"{change} since.",
                )
        if self.page_tree.root().hex() != page["root"]:
            self.trouble(
                self.page_line,
                f"The tickets and acts of page {page['number']} are not those that were recorded: "
                "at least one was changed, swapped, put in or taken out since.",
            )
        self.upto = page["upto"]
        canonical = json.dumps(page, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.tree.add(canonical.encode())
        self.report.root = self.tree.root().hex()
        self.report.roots[self.report.root] = self.tree.size

    def on_root(self, line: int, row: list[str]) -> None:
        self.end_page()
        self.page = None
        self.end_line = line
        if int(row[1]) != self.report.pages:
            self.trouble(line, f"The log should have {row[1]} pages; {self.report.pages} are here.")
        if row[3] != self.report.root:
            self.trouble(line, "The root given here is not the one that these pages lead to.")

    # The draw as a whole

    def seed(self) -> bytes:
        return bytes.fromhex(self.value("seed", 3))

    def seed_is_usable(self) -> bool:
        try:
            return len(self.seed()) == 32 and int(self.value("frozen", 1)) >= 0
        except ValueError:
            return False

    def place(self, entry: int) -> int | None:
        """The place, from 1, as far as it is known."""
        if self.value("order", 4) == "fifo":
            return entry
        if self.places is None:
            return None
        return entry if entry > len(self.places) else self.places[entry - 1] + 1

    def finish(self, line: int) -> None:
        if not self.end_line:
            self.end_page()
            self.trouble(line, "The file ends without the line that gives the root: it is cut off.")
        missing = {"room", "order", "opens"} - self.head.keys()
        if missing:
            self.trouble(1, f"The head of the file lacks: {', '.join(sorted(missing))}.")
        if self.value("order", 4) not in ("draw", "fifo"):
            self.trouble(self.head.get("order", (1, []))[0], "The order is neither draw nor fifo.")
        self.compare_head()
        if self.frozen:
            self.report.frozen = self.frozen[0]
        self.report.drawn = self.revealed is not None
        if self.value("order", 4) == "draw" and not self.revealed:
            self.report.notes.append("The draw has not been held yet, so no place is final.")
        if self.report.ticket:
            self.report.ticket["place"] = self.place(self.report.ticket["entry"])

    def compare_head(self) -> None:
        """The head must say what the acts recorded."""
        recorded: dict[tuple[str, int], str] = {}
        if self.planned:
            recorded["opens", 2] = self.planned["opens"]
            recorded["order", 4] = self.planned["order"]
        elif self.report.pages:
            self.trouble(1, "When the doors open was never recorded in the log.")
        if self.committed:
            recorded["commitment", 3] = self.committed
        if self.frozen:
            recorded["frozen", 1], recorded["frozen", 3] = str(self.frozen[0]), self.frozen[1]
        if self.revealed:
            recorded["seed", 3] = self.revealed["seed"]
            if self.format == 1:
                recorded["secret", 3] = self.revealed["secret"]
                recorded["public", 4] = self.revealed["public_value"]
            else:
                recorded["inputs", 4] = self.revealed["inputs"]
        for (kind, column), value in recorded.items():
            if self.value(kind, column) != value:
                line = self.head.get(kind, (1, []))[0]
                self.trouble(line, f"“{kind}” is not what the log recorded: {value}.")
        was_recorded = {"commitment": bool(self.committed), "frozen": bool(self.frozen)}
        was_recorded.update(
            dict.fromkeys(("secret", "seed", "public", "inputs"), bool(self.revealed))
        )
        for kind, found in was_recorded.items():
            if kind in self.head and not found:
                self.trouble(self.head[kind][0], f"“{kind}” is given, but was never recorded.")


def check(rows: Iterable[tuple[int, list[str]]], *, ticket: str = "") -> Report:
    """Check the rows of a log, each with its line number. Raises Unreadable."""
    return Checker(ticket).read(rows)


def check_root(report: Report, root: str) -> None:
    """`root` was published at some time: the log must have had it."""
    if root.lower() not in report.roots:
        report.troubles.append(
            (0, f"The root {root} was never that of this log: the log was rewritten since.")
        )
    else:
        pages = report.roots[root.lower()]
        report.notes.append(f"The root you gave was that of the log when it had {pages} pages.")


def check_ticket(report: Report, ticket: str, place: int | None) -> None:
    found = report.ticket
    if not found:
        report.troubles.append((0, f"The ticket {ticket} is not in the log."))
        return
    at = when(found["joined"])
    report.notes.append(f"The ticket is entry {found['entry']}, issued {at}, line {found['line']}.")
    if found["place"] is None:
        report.notes.append("Its place is not known before the draw.")
    elif place is not None and found["place"] != place:
        report.troubles.append(
            (found["line"], f"The place of this ticket is {found['place']}, not {place}.")
        )
    else:
        called = "has been called" if found["place"] <= report.called else "is not called yet"
        report.notes.append(f"Its place is {found['place']}, which {called}.")


def check_proof(report: Report, proof: dict[str, Any]) -> None:
    """A proof kept from a ticket page: it must hold, and its root be one that the log has had."""
    try:
        page = json.loads(proof["page"])
        in_page = root_from_path(
            proof["leaf"].encode(),
            proof["index"],
            page["tickets"] + page["acts"],
            [bytes.fromhex(step) for step in proof["page_path"]],
        )
        in_log = root_from_path(
            proof["page"].encode(),
            page["number"] - 1,
            proof["size"],
            [bytes.fromhex(step) for step in proof["log_path"]],
        )
        roots = bytes.fromhex(page["root"]), bytes.fromhex(proof["root"])
        holds = (in_page, in_log) == roots
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        report.troubles.append((0, f"The proof can't be understood: {error}."))
        return
    if not holds:
        report.troubles.append((0, "The proof does not lead from its ticket to its root."))
    elif proof["root"] not in report.roots and proof["size"] > report.pages:
        report.newer = True
        report.notes.append(
            f"The proof holds, but it is newer than this file: it is of a log of {proof['size']} "
            f"pages, and the file has {report.pages}. Download the log again, then check once more."
        )
    elif proof["root"] not in report.roots:
        report.troubles.append(
            (0, "The proof is right in itself, but its root was never that of this log.")
        )
    else:
        report.notes.append("The proof holds, and its root is in the history of this log.")


def when(microseconds: object) -> str:
    """Korean time, to the second."""
    zone = datetime.timezone(datetime.timedelta(hours=9))
    moment = datetime.datetime.fromtimestamp(int(str(microseconds)) / 1e6, zone)
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def page_record(text: str) -> dict[str, Any]:
    """The record of a page; ValueError if it is none."""
    record = json.loads(text)
    kinds: dict[str, type] = dict.fromkeys(
        ("number", "after", "upto", "tickets", "acts", "at"), int
    )
    kinds.update(dict.fromkeys(("room", "previous", "root"), str))
    if not isinstance(record, dict) or record.keys() != kinds.keys():
        raise ValueError("it is not the record of a page")
    for name, kind in kinds.items():
        if type(record[name]) is not kind:
            raise ValueError(f"“{name}” of the page is {record[name]!r}")
    return record


def rows_of(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True)
    before = 1
    try:
        for row in reader:
            yield before, row
            before = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"Line {before} is no CSV: {error}.") from error


def summary(report: Report) -> str:
    lines = [
        f"Room {report.room}: {report.pages} pages, {report.tickets} tickets, "
        f"{report.acts} acts, places called up to {report.called}.",
        f"Log root: {report.root}",
        *report.notes,
    ]
    if report.drawn:
        lines.append(f"The draw among {report.frozen} entries was recomputed.")
    for line, what in report.troubles:
        lines.append(f"line {line}: {what}" if line else what)
    if len(report.troubles) >= MOST_TROUBLES:
        lines.append(f"… and perhaps more: only the first {MOST_TROUBLES} are shown.")
    count = len(report.troubles)
    lines.append("Everything is in order." if report.is_good else f"NOT in order: {count} found.")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check the log of a waiting room.", epilog="Exit code 1 if anything is wrong."
    )
    parser.add_argument("log", help="the downloaded CSV")
    parser.add_argument("--root", metavar="HEX", help="a root seen earlier")
    parser.add_argument("--ticket", metavar="HASH", help="the hash shown on the ticket page")
    parser.add_argument("--place", type=int, metavar="N", help="with --ticket: the place told")
    parser.add_argument("--proof", metavar="FILE", help="the proof saved from the ticket page")
    given = parser.parse_args(arguments)
    try:
        with open(given.log, encoding="utf-8-sig", newline="") as file:
            report = check(rows_of(file), ticket=given.ticket or "")
        if given.proof:
            with open(given.proof, encoding="utf-8") as file:
                check_proof(report, json.load(file))
    except (OSError, UnicodeDecodeError, Unreadable, json.JSONDecodeError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.root:
        check_root(report, given.root)
    if given.ticket:
        check_ticket(report, given.ticket, given.place)
    sys.stdout.write(summary(report) + "\n")
    if not report.is_good:
        return 1
    return 3 if report.newer else 0


if __name__ == "__main__":
    sys.exit(main())
