#!/usr/bin/env python3
"""Check the log of a waiting room: python verify_line.py LOG.csv

Needs nothing but Python 3.9 and the log, shares no code with the portal, and does not go online.
It recomputes every hash, the draw and every place, and looks for tickets that were swapped, put
in, taken out or given another number, and for calls out of turn. What is wrong is said in plain
words with the line of the file. The evening's report (calls, waiting, pauses, waiting times that
held) is worked out anew and compared with the totals that the log records. Exit code: 0 all right,
1 trouble, 2 the file can't be read, 3 all right so far, but the proof is newer than the file.

    --root HEX      a log root that you saw or wrote down earlier: it must be in the log's history
    --ticket HASH   a ticket, by its hash as shown on the ticket page: what does the log say of it?
    --place N       with --ticket: the place that you were told
    --proof FILE    the proof saved from a ticket page (tlog-proof or JSON): it must belong here
    --checkpoint FILE   a checkpoint that was kept: is it of this log's history? May be given again
    --policy FILE   the policy that was kept: who must have signed and cosigned a checkpoint
    --tiles FOLDER  the log as static files (checkpoint, tile/…): do they hold the same?
    --json          the answer as JSON, with the evening's report; times are microseconds

The format and the rules are written down in docs/line-log.md of the portal.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import csv
import datetime
import hashlib
import json
import re
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROUNDS = 90
EMPTY = hashlib.sha256(b"").digest()
COLUMNS = ["row", "number", "at", "hash", "details"]
HEAD = {"room", "order", "opens", "commitment", "frozen", "public", "secret", "inputs", "seed"}
# The columns that each kind of line leaves empty.
EMPTY_COLUMNS = {
    "room": (1, 2, 3), "order": (1, 2, 3), "opens": (1, 3, 4), "commitment": (1, 2, 4),
    "frozen": (2, 4), "public": (1, 2, 3), "secret": (1, 2, 4), "inputs": (1, 2, 3),
    "seed": (1, 2, 4), "act": (3,), "root": (4,),
}  # fmt: skip
PAGE_TICKETS = 4096
# drand's quicknet: https://drand.love. A round every three seconds, the first at GENESIS.
QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
GENESIS, PERIOD = 1_692_803_367, 3
SECOND = 1_000_000  # times are in microseconds
LAST_TIME = 1 << 60
PATIENCE = 600  # seconds that a planned source has before the way out of the plan is open
# What no plan may change once people have joined.
RULE = ("order", "source", "after", "chain", "officers", "statement", "witnesses", "quorum", "wait")
ED25519, COSIGNATURE = 1, 4
END_OF_FORMAT_1 = 1_798_729_200 * SECOND  # the end of 2026, in Korea
TOLERANCE = 300  # seconds that a witness's clock may be off
# A worker that was away catches up with no more than this: the most that may be called at once.
CATCH_UP = 5
# Nothing else may follow the closing of a room.
AFTER_CLOSE = ("close", "count", "totals")
OF_EVERY_ACT = {"act", "at", "number", "room"}
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
    history: list[str] = field(default_factory=list)  # the root at each number of pages, from 0
    written: list[int] = field(default_factory=list)  # when each page was written
    leaves: list[bytes] = field(default_factory=list)  # the hashes of the pages
    keys: list[str] = field(default_factory=list)  # every key that the log named as its own
    format: int = 0
    evening: dict[str, Any] = field(default_factory=dict)  # worked out anew: Evening.report
    totals: dict[str, int] = field(default_factory=dict)  # as the log's last totals say
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
    # The library ends the program over digits that are none.
    if not re.fullmatch("[0-9a-f]{96}", signature):
        raise ValueError("it is not of 48 bytes")
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


# Signatures: Ed25519 as in RFC 8032, 5.1, with nothing to install. Only public values are handled.

FIELD = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, FIELD - 2, FIELD) % FIELD


def point_of(data: bytes) -> tuple[int, int, int, int] | None:
    """The point of the curve that 32 bytes stand for, in extended coordinates."""
    y, sign = int.from_bytes(data, "little") & ((1 << 255) - 1), data[31] >> 7
    square = (y * y - 1) * pow(CURVE * y * y + 1, FIELD - 2, FIELD) % FIELD
    x = pow(square, (FIELD + 3) // 8, FIELD)
    if (x * x - square) % FIELD:
        x = x * pow(2, (FIELD - 1) // 4, FIELD) % FIELD
    if y >= FIELD or (x * x - square) % FIELD or (x == 0 and sign):
        return None
    x = x if x & 1 == sign else FIELD - x
    return x, y, 1, x * y % FIELD


def added(p: tuple[int, ...], q: tuple[int, ...]) -> tuple[int, int, int, int]:
    a, b = (p[1] - p[0]) * (q[1] - q[0]), (p[1] + p[0]) * (q[1] + q[0])
    c, d = 2 * p[3] * q[3] * CURVE, 2 * p[2] * q[2]
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % FIELD, g * h % FIELD, f * g % FIELD, e * h % FIELD


def multiplied(number: int, point: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    total = (0, 1, 1, 0)
    while number:
        total = added(total, point) if number & 1 else total
        point, number = added(point, point), number >> 1
    return total


BASE = point_of((4 * pow(5, FIELD - 2, FIELD) % FIELD).to_bytes(32, "little")) or (0, 1, 1, 0)


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) is that of `message` under the public key (32 bytes)."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, first = point_of(public), point_of(signature[:32])
    second = int.from_bytes(signature[32:], "little")
    if key is None or first is None or second >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    left = multiplied(second, BASE)
    right = added(first, multiplied(int.from_bytes(digest, "little") % ORDER, key))
    # Extended coordinates are fractions: x and y are compared crosswise, without dividing.
    return all((left[at] * right[2] - right[at] * left[2]) % FIELD == 0 for at in (0, 1))


# Checkpoints, policies, cosignatures: c2sp.org/tlog-checkpoint, tlog-policy, tlog-cosignature.


class BadNote(ValueError):
    """A checkpoint, key or policy that can't be read, or a wrong signature; the text says why."""


def base64_of(text: str, what: str) -> bytes:
    """Standard base64 in the one way that encodes back to itself."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise BadNote(f"{what} is no base64") from None
    if base64.b64encode(value).decode() != text:
        raise BadNote(f"{what} is not written as base64 writes it")
    return value


@dataclass(frozen=True)
class Key:
    """A public key by the name of its holder, from the form name+id+key."""

    name: str
    id: bytes
    kind: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Key:
        name, _, identified = vkey.partition("+")
        key_id, _, encoded = identified.partition("+")
        value = base64_of(encoded, f"the key of {name[:80]}")
        digest = hashlib.sha256(name.encode() + b"\n" + value).digest()[:4]
        if not name or len(value) < 33 or digest.hex() != key_id.lower():
            raise BadNote(f"“{vkey[:80]}” is no key: name, id and key do not belong together")
        return cls(name, digest, value[0], value[1:])


@dataclass(frozen=True)
class Checkpoint:
    """Size and root of a log at one moment, and who signed them: (name, key id, bytes)."""

    text: str
    origin: str
    size: int
    root: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Checkpoint:
        text, blank, below = note.rpartition("\n\n")
        lines = text.split("\n")
        if not blank or not below.endswith("\n"):
            raise BadNote("it is cut off: the signatures or their end are missing")
        if any(ord(letter) < 0x20 and letter != "\n" for letter in note):
            raise BadNote("it holds control characters")
        if len(lines) < 3 or not all(lines):
            raise BadNote("it has no three lines of origin, size and root")
        if not re.fullmatch("0|[1-9][0-9]{0,18}", lines[1], re.ASCII):
            raise BadNote(f"“{lines[1][:40]}” is no size")
        root = base64_of(lines[2], "the root")
        if len(root) != 32:
            raise BadNote("the root is no hash of 32 bytes")
        signed = tuple(signature_line(line) for line in below[:-1].split("\n"))
        return cls(text + "\n", lines[0], int(lines[1]), root.hex(), signed)


def signature_line(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "\u2014" or not parts[1] or "+" in parts[1]:
        raise BadNote(f"“{line[:60]}” is no signature line")
    value = base64_of(parts[2], f"the signature of {parts[1]}")
    if len(value) < 5:
        raise BadNote(f"the signature of {parts[1]} is cut off")
    return parts[1], value[:4], value[4:]


def signed_at(checkpoint: Checkpoint, key: Key) -> int | None:
    """When `key` cosigned, in seconds since 1970; 0 for a log's own signature, None for none.

    Raises BadNote if there is a signature under its name and id and it is wrong.
    """
    for name, key_id, value in checkpoint.signatures:
        if (name, key_id) != (key.name, key.id):
            continue
        message, time = checkpoint.text.encode(), 0
        if key.kind == COSIGNATURE:
            time = int.from_bytes(value[:8], "big")
            message, value = f"cosignature/v1\ntime {time}\n".encode() + message, value[8:]
        if not is_signed(key.public, message, value):
            raise BadNote(f"the signature of {key.name} is wrong")
        return time
    return None


class Policy:
    """Which logs count, who may cosign them, and how many must: c2sp.org/tlog-policy."""

    def __init__(self, text: str) -> None:
        """Raises BadNote."""
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum = ""
        members: set[str] = set()
        if re.search("[\x00-\x08\x0b-\x1f\x7f]", text):
            raise BadNote("it holds control characters")
        for number, line in enumerate(text.split("\n"), start=1):
            words = re.split("[ \t]+", line.strip(" \t"))
            if words != [""] and not words[0].startswith("#"):
                try:
                    self._read(words, members)
                except (BadNote, ValueError) as error:
                    raise BadNote(f"line {number}: {error}") from None
        if not self.quorum:
            raise BadNote("it has no line “quorum”")

    def _read(self, words: list[str], members: set[str]) -> None:
        kind, values = words[0], words[1:]
        names = {"none", *self.witnesses, *self.groups}
        if kind == "log" and len(values) in (1, 2):
            self.logs.append(self._new_key(values[0]))
        elif kind == "witness" and len(values) in (2, 3) and values[0] not in names:
            self.witnesses[values[0]] = self._new_key(values[1])
        elif kind == "group" and len(values) > 2 and values[0] not in names:
            name, count, *of = values
            if not set(of) <= names - {"none"} - members or len(set(of)) < len(of):
                raise BadNote(f"the group {name} names a witness that is unknown or named before")
            needed = {"all": len(of), "any": 1}.get(count) or int(count)
            if not 1 <= needed <= len(of):
                raise BadNote(f"the group {name} asks for {count} of {len(of)}")
            members.update(of)
            self.groups[name] = needed, of
        elif kind == "quorum" and len(values) == 1 and values[0] in names and not self.quorum:
            self.quorum = values[0]
        else:
            raise BadNote(f"“{' '.join(words)[:80]}” is not understood here")

    def _new_key(self, vkey: str) -> Key:
        key = Key.parse(vkey)
        if any(key.public == other.public for other in (*self.logs, *self.witnesses.values())):
            raise BadNote(f"the key of {key.name} stands there twice")
        return key

    def is_met(self, signed: set[str], name: str = "") -> bool:
        """Whether these witnesses are enough."""
        name = name or self.quorum
        if name in self.groups:
            needed, of = self.groups[name]
            return sum(self.is_met(signed, member) for member in of) >= needed
        return name == "none" or name in signed

    def asks_for(self, name: str = "") -> str:
        name = name or self.quorum
        if name not in self.groups:
            return "no witness" if name == "none" else name
        needed, of = self.groups[name]
        return f"{needed} of ({', '.join(self.asks_for(member) for member in of)})"


# The check.


class Checker:
    """Reads a log row by row; `report` holds what it found."""

    def __init__(self, ticket: str = "") -> None:
        self.report = Report(roots={EMPTY.hex(): 0}, history=[EMPTY.hex()])
        self.wanted = ticket.lower()
        self.head: dict[str, tuple[int, list[str]]] = {}
        self.tree = Tree()
        self.page: dict[str, Any] | None = None  # the record of the page being read
        # Of this page: its line, and what was read of it.
        self.page_line: int
        self.page_tree: Tree
        self.page_tickets: int
        self.page_acts: int
        self.upto = 0
        self.last_entry = 0
        self.entry_line = 0
        self.act_number = 0
        self.seen: dict[str, int] = {}
        self.format: int
        self.committed = ""
        self.officers: dict[str, str] = {}  # commitments by name
        self.planned: dict[str, str] = {}  # when the doors open, and how the order is found
        self.plan: dict[str, Any] = {}
        self.joining: list[tuple[int, int]] = []  # since when a plan counts; joining from then on
        self.early: list[tuple[int, int, int]] = []  # tickets to hold to it: line, entry, joined
        self.first_joined = self.last_joined = self.gathered_page = 0
        self.frozen: tuple[int, str] | None = None
        self.frozen_at = self.frozen_page = 0
        self.revealed: dict[str, Any] | None = None
        self.paused = self.closed = False
        self.witnesses: list[tuple[str, Key]] = []  # as the plan names them
        self.witnessed = ""  # the act that says so
        self.cosigned: list[int] = []  # when each cosigned the closed list, earliest first
        self.now_signing: list[str] = []
        self.places: array[int] | None = None
        self.evening = Evening()
        self.totals_of: tuple[int, int, int] | None = None  # what `worked_out` is of
        self.worked_out: dict[str, int] = {}
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
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
                self.trouble(line, f"This line can't be understood: {error}.")
        self.finish(line)
        return self.report

    def on_first_rows(self, rows: Iterator[tuple[int, list[str]]]) -> None:
        first = next(rows, (0, []))[1]
        second = next(rows, (0, []))[1]
        if first != COLUMNS or second[:1] != ["jari-line"]:
            raise Unreadable("This is no log of a line: its first two lines are others.")
        if second not in [["jari-line", number, "", "", ""] for number in ("1", "2", "3")]:
            raise Unreadable("This log has another format than 1 to 3, which this program knows.")
        self.format = self.report.format = int(second[1])

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
        self.last_joined = max(self.last_joined, joined)
        if self.frozen and joined < self.frozen_at - SECOND:
            self.trouble(line, f"Entry {entry} joined before the list was closed and is not in it.")
        if self.joining and joined < max(self.joining[-1]):
            self.early.append((line, entry, joined))
        if joined < int(self.value("opens", 2) or 0):
            self.gathered_page = self.report.pages
        self.check_entry(line, entry, digest)
        place = self.place(entry)
        if row[4] and place is not None and row[4] != str(place):
            self.trouble(
                line, f"Entry {entry} is said to have place {row[4]}; the draw gives {place}."
            )
        self.evening.add_ticket(entry, joined)
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
        if not 0 <= number_in(act, "at") < LAST_TIME:
            raise ValueError(f"its time is {act['at']}")
        if self.closed and act["act"] not in (AFTER_CLOSE if self.format >= 3 else ("close",)):
            self.trouble(line, f"“{act['act']}” was done after the room had been closed.")
        handlers = {
            "commit": self.on_commit,
            "plan": self.on_plan,
            "freeze": self.on_freeze,
            "witnessed": self.on_witnessed,
            "unwitnessed": self.on_witnessed,
            "keys": self.on_keys,
            "reveal": self.on_reveal,
            "call": self.on_call,
        }
        if self.format >= 3:
            self.check_time(line, act)
            handlers |= {
                "pace": self.on_pace,
                "count": self.on_count,
                "estimate": self.on_estimate,
                "totals": self.on_totals,
            }
        if act["act"] in handlers:
            handlers[act["act"]](line, act)
        elif act["act"] in ("pause", "resume"):
            self.paused = act["act"] == "pause"
            self.evening.on_pause(self.paused, act["at"])
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
            self.check_format(line, act)
            return
        if self.is_late(act):
            self.trouble(line, f"{by} committed to a secret only after people had joined.")
        self.officers[by] = act["commitment"]

    def is_late(self, act: dict[str, Any]) -> bool:
        """Whether people had joined before this act, by its own time or by the pages before it."""
        had_joined = self.report.tickets > self.page_tickets
        return had_joined or 0 < self.first_joined < act["at"]

    def check_format(self, line: int, act: dict[str, Any]) -> None:
        """The head of a file is not hashed, so an older format must not be claimed there."""
        begun = act.get("format", min(self.format, 2))
        if begun != self.format:
            self.trouble(
                line, f"The log was begun in format {begun}; the file says it is of {self.format}."
            )

    def on_plan(self, line: int, act: dict[str, Any]) -> None:
        if self.frozen or self.report.called:
            self.trouble(line, "Opening or order were changed after the line had begun to move.")
        if self.planned and self.planned["opens"] != str(act["opens_at"]):
            self.report.notes.append(
                f"On {when(act['at'])} the opening was set anew, to {when(act['opens_at'])}."
            )
        if "joins_from" in act:
            self.on_joining(act["at"], number_in(act, "joins_from"))
        changed = any(act.get(key) != self.plan.get(key) for key in RULE)
        if changed and self.is_late(act):
            self.trouble(line, "The rule of the draw was set or changed after people had joined.")
        self.planned = {"opens": str(number_in(act, "opens_at")), "order": str(act["order"])}
        self.plan = act
        named = filter(None, act.get("witnesses", "").split("\n"))
        pairs = [witness.split(" ") for witness in named]
        self.witnesses = [(name, Key.parse(vkey)) for name, vkey in pairs]
        if not 0 <= act.get("quorum", 0) <= len(self.witnesses):
            self.trouble(line, "The plan asks for more witnesses than it names.")

    def on_joining(self, at: int, joins_from: int) -> None:
        """From when people could join, as a plan says it: the first one from the beginning."""
        if self.joining and self.joining[-1][1] != joins_from:
            self.report.notes.append(
                f"On {when(at)} the begin of joining was set anew, to {when(joins_from)}."
            )
        self.joining.append((at if self.joining else 0, joins_from))

    def check_joining(self) -> None:
        """Nobody joined before the time of the plan that counted then.

        A change may be recorded later than it was made by the tolerance, as by a tick.
        """
        for line, entry, joined in self.early:
            begins = [
                joins_from
                for number, (at, joins_from) in enumerate(self.joining, start=1)
                if at <= joined + TOLERANCE * SECOND
                and (number == len(self.joining) or self.joining[number][0] > joined - SECOND)
            ]
            if joined < min(begins) - SECOND:
                self.trouble(
                    line,
                    f"Entry {entry} joined at {when(joined)}; by the plan nobody could join before "
                    f"{when(min(begins))}.",
                )
        if self.report.tickets and not self.joining:
            self.report.notes.append(
                "NOT SHOWN: that nobody joined early. The plan does not say from when people could."
            )

    def on_keys(self, line: int, act: dict[str, Any]) -> None:
        """Which keys sign the log from here on."""
        new = act["keys"].split("\n")
        names = [Key.parse(vkey).name for vkey in new]
        if self.report.keys and not set(new) & set(self.now_signing):
            self.report.notes.append(
                f"On {when(act['at'])} the key of the log was replaced by one that the key before "
                "did not sign over: compare it with what the portal's operators announced."
            )
        elif self.report.keys and new != self.now_signing:
            self.report.notes.append(f"On {when(act['at'])} the keys of the log were changed.")
        if len(set(names)) > 1:
            self.trouble(line, "The keys of the log have different names.")
        self.now_signing = new
        self.report.keys += [vkey for vkey in new if vkey not in self.report.keys]

    def on_witnessed(self, line: int, act: dict[str, Any]) -> None:
        """As many as the plan asks for cosigned the closed list, or the wait for them is over."""
        quorum, wait = self.plan.get("quorum", 0), self.plan.get("wait", 0)
        closed_at = self.frozen_at or int(self.value("opens", 2) or 0)
        if self.witnessed or not quorum:
            self.trouble(line, "The witnesses were recorded a second time, or without a plan.")
        if self.value("order", 4) == "draw" and not self.frozen:
            self.trouble(line, "The witnesses were recorded before the list was closed.")
        self.witnessed = act["act"]
        times: dict[str, int] = {}
        for part in filter(None, act["cosignatures"].split("\n")):
            size, _, signed = part.partition(" ")
            self.take_cosignature(line, act, (int(size), signed), times)
        self.cosigned = sorted(times.values())
        missing = [name for name, _key in self.witnesses if name not in times]
        if act["act"] == "unwitnessed":
            if act["at"] < closed_at + wait * SECOND:
                self.trouble(line, f"The line went on before the plan's wait of {wait} s was over.")
            self.report.notes.append(
                f"WITHOUT QUORUM: {len(times)} of the {quorum} witnesses that the plan asks for "
                f"had cosigned when its wait was over. Missing: {', '.join(missing)}."
            )
        elif len(times) < quorum:
            self.trouble(line, f"Only {len(times)} of {quorum} witnesses cosigned the closed list.")
        else:
            self.report.notes.append(f"The closed list was cosigned by {', '.join(times)}.")

    def take_cosignature(
        self, line: int, act: dict[str, Any], given: tuple[int, str], times: dict[str, int]
    ) -> None:
        """A cosignature line on the log at so many pages, which must hold the closed list."""
        size, signed = given
        closed = self.frozen_page or self.gathered_page
        if not max(closed, 1) <= size < len(self.report.history):
            self.trouble(line, f"A cosignature is of {size} pages, which is not the closed list.")
            return
        origin, root = str(self.plan.get("log", "")), self.report.history[size]
        written = self.report.written[size - 1] // SECOND
        text = f"{origin}\n{size}\n{base64.b64encode(bytes.fromhex(root)).decode()}\n"
        try:
            checkpoint = Checkpoint(text, origin, size, root, (signature_line(signed),))
            for name, key in self.witnesses:
                time = signed_at(checkpoint, key)
                if time and not written - TOLERANCE <= time <= act["at"] // SECOND + TOLERANCE:
                    self.trouble(line, f"{name} cosigned at {when(time * SECOND)}, out of time.")
                elif time:
                    times[name] = time
        except BadNote as error:
            self.trouble(line, f"A cosignature does not hold: {error}.")

    def need_witnesses(self, line: int, what: str) -> None:
        if self.plan.get("quorum") and not self.witnessed:
            self.trouble(line, f"{what} before the witnesses of the plan had cosigned the list.")

    def on_freeze(self, line: int, act: dict[str, Any]) -> None:
        page = self.page or {}
        if self.frozen:
            self.trouble(line, "The list was closed a second time.")
        self.frozen = (act["count"], act["digest"])
        self.frozen_at, self.frozen_page = act["at"], page["number"]
        if self.last_joined > act["at"] + SECOND:
            self.trouble(
                line,
                f"The list was closed at {when(act['at'])}, by its own time; it holds a ticket of "
                f"{when(self.last_joined)}.",
            )
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
        self.need_witnesses(line, "The draw was held")
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
        if due < self.frozen_at:
            self.trouble(line, "By the plan the number was there before the list was closed.")
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
            if source == "drand":
                self.report.notes.append(
                    f"WITHOUT ITS SOURCE: round {first_round_after(due)} of drand's quicknet was "
                    f"planned, and a value stated by hand was used. If that round came at "
                    f"{when(round_time(first_round_after(due)))}, somebody chose between the two."
                )
            self.check_stated(line, act, inputs.pop("stated"), due)
        else:
            self.trouble(line, f"Of the planned source, {source}, nothing went into the seed.")
        if source != "stated" and "stated" in inputs:
            self.check_stated(line, act, inputs.pop("stated"), due)
        for name in inputs:
            self.trouble(line, f"“{name}” went into the seed, but not by the plan.")

    def check_officers(self, line: int, inputs: dict[str, str]) -> int:
        """How many officers opened their secret; those who withheld it are named."""
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
            verified = beacon_number(act["round"], act["signature"])
        except (ValueError, OverflowError) as error:
            self.trouble(line, f"The signature of the beacon is wrong: {error}.")
            return
        if verified is None:
            self.report.notes.append(
                "NOT CHECKED: the signature of the beacon. Install drand-verify (pip install "
                f"drand-verify), or compare round {act['round']} of quicknet with {number}."
            )
        elif verified != number:
            self.trouble(line, "The number of the beacon does not follow from its signature.")
        else:
            self.report.notes.append(
                f"The order was fixed by round {act['round']} of drand's quicknet, published at "
                f"{when(round_time(act['round']))}, after the list was closed."
            )
        self.compare_cosigned(round_time(act["round"]) // SECOND)

    def compare_cosigned(self, known_at: int) -> None:
        """Whether the witnesses saw the closed list before anybody could know its number."""
        quorum = self.plan.get("quorum", 0)
        if not quorum:
            self.report.notes.append(
                "NOT SHOWN: that the list was closed before the number existed. The portal says "
                "so; its plan asks for no witness."
            )
        elif len(self.cosigned) < quorum or self.cosigned[quorum - 1] >= known_at:
            self.report.notes.append(
                "NOT SHOWN: that the list was closed before the number existed. Too few witnesses "
                f"had cosigned it by {when(known_at * SECOND)}."
            )
        else:
            self.report.notes.append(
                f"{sum(time < known_at for time in self.cosigned)} witnesses cosigned the closed "
                "list before the number existed."
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
        if act["at"] > END_OF_FORMAT_1:
            self.trouble(line, "Since 2027 no draw is held by the rules of format 1.")

    def on_call(self, line: int, act: dict[str, Any]) -> None:
        first, last = number_in(act, "first"), number_in(act, "last")
        called = self.report.called
        if self.value("order", 4) == "draw" and not self.revealed:
            self.trouble(line, f"Places {first} to {last} were called before the draw.")
        self.check_opening(line, act, f"Places {first} to {last} were called")
        self.need_witnesses(line, f"Places {first} to {last} were called")
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
        if self.format >= 3:
            self.check_pace(line, act)
        self.evening.add_call(first, last, act["at"])

    # The evening: pace, people inside, waiting times, totals

    def on_pace(self, line: int, act: dict[str, Any]) -> None:
        evening = self.evening
        max_active, per_minute = number_in(act, "max_active"), number_in(act, "max_per_minute")
        evening.paces.append((act["at"], max_active, per_minute))
        # What was called before weighs no more than a worker's catching up does at this pace.
        evening.level = min(evening.level, CATCH_UP * per_minute * SECOND)
        # A cut throws nobody out.
        evening.cap = max(evening.cap, max_active)
        if max_active < 1 or per_minute < 1:
            self.trouble(line, "The pace lets nobody in, or calls nobody.")

    def check_pace(self, line: int, act: dict[str, Any]) -> None:
        """No faster than the pace, but for what a worker that was away may catch up with."""
        evening = self.evening
        if not evening.paces:
            self.trouble(line, "Places were called before a pace was set.")
            return
        rate = evening.paces[-1][2]
        since = evening.calls[-1][2] if evening.calls else 0
        # In people times microseconds a minute: calls fill it, and the pace empties it.
        leaked = max(0, evening.level - rate * max(0, act["at"] - since))
        evening.level = leaked + (act["last"] - act["first"] + 1) * 60 * SECOND
        # One person's fraction may be left over from before.
        most = 60 * SECOND + rate * CATCH_UP * SECOND
        if evening.level > most + SECOND // 10:
            self.trouble(
                line,
                f"Places {act['first']} to {act['last']} were called faster than {rate} a minute.",
            )
            evening.level = most

    def on_count(self, line: int, act: dict[str, Any]) -> None:
        evening = self.evening
        entered, inside, ran_out = (
            number_in(act, name) for name in ("entered", "inside", "ran_out")
        )
        before = evening.counted
        if entered < before[0] or ran_out < before[2]:
            self.trouble(line, "Fewer people are counted than before.")
        if not 0 <= inside + ran_out <= entered or min(inside, ran_out) < 0:
            self.trouble(line, f"Of {entered} who entered, {inside} inside and {ran_out} can't be.")
        if inside > evening.cap:
            self.trouble(line, f"{inside} were inside, where the pace lets in {evening.cap}.")
        max_active = evening.paces[-1][1] if evening.paces else 0
        evening.cap = max(max_active, min(evening.cap, inside))
        evening.counted = (entered, inside, ran_out)
        evening.counts.append((act["at"], *evening.counted))

    def on_estimate(self, line: int, act: dict[str, Any]) -> None:
        for given in filter(None, act["ranges"].split(" ")):
            match = re.fullmatch(r"(\d{1,15}):(\d{1,9})-(\d{1,9})", given, re.ASCII)
            if match is None:
                raise ValueError(f"“{given[:40]}” is no waiting time")
            place, low, high = map(int, match.groups())
            if place <= self.report.called or low > high:
                self.trouble(
                    line,
                    f"A waiting time of {low} to {high} s was given for place {place}, when "
                    f"{self.report.called} had been called.",
                )
            self.evening.estimates.append((place, low, high, act["at"]))

    def on_totals(self, line: int, act: dict[str, Any]) -> None:
        page, numbers = self.page or {}, number_in(act, "numbers")
        if not page["after"] <= numbers <= page["upto"]:
            self.trouble(line, f"The totals are up to number {numbers}, not {page['upto']}.")
        if self.evening.counted[1]:
            self.trouble(
                line,
                f"The last count before the totals has {self.evening.counted[1]} people inside: a "
                "count was left out.",
            )
        for name, value in self.totals(numbers).items():
            if act.get(name) != value:
                self.trouble(
                    line, f"The totals say {act.get(name)} for “{name}”; the log gives {value}."
                )
        self.report.totals = {name: act[name] for name in act.keys() - OF_EVERY_ACT}

    def totals(self, numbers: int) -> dict[str, int]:
        """The totals of the tickets up to this number, worked out from the log so far."""
        so_far = (numbers, self.report.tickets, self.report.acts)
        if so_far != self.totals_of:
            drawn = self.places if self.value("order", 4) == "draw" else array("I")
            opens = int(self.planned.get("opens", 0))
            self.totals_of = so_far
            self.worked_out = self.evening.totals(numbers, opens, drawn)
        return self.worked_out

    def check_time(self, line: int, act: dict[str, Any]) -> None:
        """An act is of a time between the page before and its own, so that no wait is shortened
        by an earlier call."""
        page, written = self.page or {}, self.report.written
        earliest = written[-1] - TOLERANCE * SECOND if written else 0
        if not earliest <= act["at"] <= page["at"] + TOLERANCE * SECOND:
            self.trouble(
                line,
                f"“{act['act']}” is said to be of {when(act['at'])}; the page that records it was "
                f"written at {when(page['at'])}"
                + (f", the one before at {when(written[-1])}." if written else "."),
            )

    def end_page(self) -> None:
        page = self.page
        if page is None:
            return
        for name, recorded, counted in (
            ("ticket", page["tickets"], self.page_tickets),
            ("act", page["acts"], self.page_acts),
        ):
            if counted != recorded:
                more = counted - recorded
                change = f"{more} put in" if more > 0 else f"{-more} taken out"
                self.trouble(
                    self.page_line,
                    f"Page {page['number']} was recorded with {recorded} {name}s and has "
                    f"{counted}: {change} since.",
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
        self.report.history.append(self.report.root)
        self.report.written.append(page["at"])
        self.report.leaves.append(leaf_hash(canonical.encode()))

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
        self.check_joining()
        if self.frozen:
            self.report.frozen = self.frozen[0]
        self.report.drawn = self.revealed is not None
        if self.value("order", 4) == "draw" and not self.revealed:
            self.report.notes.append("The draw has not been held yet, so no place is final.")
        if self.report.ticket:
            self.report.ticket["place"] = self.place(self.report.ticket["entry"])
        self.report.evening = self.totals(self.upto) | self.evening.lists()

    def compare_head(self) -> None:
        """The head must say what the acts recorded."""
        recorded: dict[tuple[str, int], str] = {}
        if self.planned:
            recorded["opens", 2] = self.planned["opens"]
            recorded["order", 4] = self.planned["order"]
        elif self.report.pages:
            self.trouble(1, "When the doors open was never recorded in the log.")
        if self.format >= 3 and self.report.pages and not self.committed:
            self.trouble(1, "The log does not say in which format it was begun.")
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
        for kind, is_recorded in was_recorded.items():
            if kind in self.head and not is_recorded:
                self.trouble(self.head[kind][0], f"“{kind}” is given, but was never recorded.")


class Evening:
    """What the totals of an evening are worked out from. Times are microseconds."""

    def __init__(self) -> None:
        self.entries, self.joined = array("Q"), array("Q")  # of every ticket, in order
        self.calls: list[tuple[int, int, int]] = []  # first and last place, and when
        self.firsts = array("Q")  # the first place of each call
        self.pauses: list[list[int]] = []  # from and until; 0 while it lasts
        self.paces: list[tuple[int, int, int]] = []  # when, people inside, calls a minute
        self.estimates: list[tuple[int, int, int, int]] = []  # place, seconds from and to, when
        self.counted = (0, 0, 0)  # entered, inside, ran out of time
        self.counts: list[tuple[int, int, int, int]] = []  # when, and each of them
        self.waited: list[int] = []  # seconds, the shortest first
        self.cap = 0  # the most that may be inside
        self.level = 0  # of what was called lately, against the pace

    def add_ticket(self, entry: int, joined: int) -> None:
        self.entries.append(entry)
        self.joined.append(joined)

    def add_call(self, first: int, last: int, at: int) -> None:
        self.firsts.append(max(first, 0))
        self.calls.append((first, last, at))

    def on_pause(self, is_paused: bool, at: int) -> None:
        lasts = bool(self.pauses) and not self.pauses[-1][1]
        if is_paused and not lasts:  # a changed message begins no new pause
            self.pauses.append([at, 0])
        elif lasts and not is_paused:
            self.pauses[-1][1] = at

    def totals(self, numbers: int, opens: int, drawn: array[int] | None) -> dict[str, int]:
        """All that a `totals` act says, of the tickets up to this number.

        `drawn` are the places of the draw, from 0: none of a line without one, None before it.
        """
        called = self.calls[-1][1] if self.calls else 0
        paused, seconds = self.seconds_of_calling()
        return {
            "numbers": numbers,
            "calls": len(self.calls),
            "called": called,
            "call_seconds": seconds,
            "per_minute": (called * 60 + seconds // 2) // seconds if seconds else called,
            "busiest_minute": max((people for _minute, people in self.by_minute()), default=0),
            "pauses": len(self.pauses),
            "paused_seconds": paused,
            "paces": max(len(self.paces) - 1, 0),
            "entered": self.counted[0],
            "ran_out": self.counted[2],
            **self.waits(numbers, opens, drawn),
            **self.scores(),
        }

    def by_minute(self) -> list[tuple[int, int]]:
        """Each minute in which places were called (its begin), and how many were."""
        minutes: dict[int, int] = {}
        for first, last, at in self.calls:
            begin = at - at % (60 * SECOND)
            minutes[begin] = minutes.get(begin, 0) + last - first + 1
        return sorted(minutes.items())

    def seconds_of_calling(self) -> tuple[int, int]:
        """Seconds from the first call to the last: those in pauses, and the others."""
        if not self.calls:
            return 0, 0
        start, end = self.calls[0][2], self.calls[-1][2]
        paused = sum(
            max(min(until or end, end) - max(begin, start), 0) for begin, until in self.pauses
        )
        return paused // SECOND, max(end - start - paused, 0) // SECOND

    def called_at(self, place: int) -> int:
        return self.calls[bisect_right(self.firsts, place) - 1][2]

    def waits(self, numbers: int, opens: int, drawn: array[int] | None) -> dict[str, int]:
        count, waited = 0, array("Q")
        called = self.calls[-1][1] if self.calls and drawn is not None else 0
        places = array("I") if drawn is None else drawn
        for entry, joined in zip(self.entries, self.joined):  # noqa: B905 - Python 3.9
            if entry > numbers:
                continue
            count += 1
            place = entry if entry > len(places) else places[entry - 1] + 1
            if place <= called:
                waited.append(max(self.called_at(place) - max(joined, opens), 0) // SECOND)
        self.waited = ordered = sorted(waited)
        return {
            "tickets": count,
            "uncalled": count - len(ordered),
            "waited_median": median(ordered),
            "waited_most": ordered[-1] if ordered else 0,
        }

    def scores(self) -> dict[str, int]:
        called = self.calls[-1][1] if self.calls else 0
        held, widths = 0, []
        for place, low, high, at in self.estimates:
            if place <= called:
                actual = self.called_at(place) - at
                held += low * SECOND <= actual <= high * SECOND
                widths.append((high - low) * SECOND * 1000 // max(actual, SECOND))
        return {
            "estimates": len(widths),
            "estimates_held": held,
            "estimates_width": median(sorted(widths)),
        }

    def lists(self) -> dict[str, Any]:
        """What happened when, for the report, and how long all but the slowest twentieth waited."""
        joined: dict[int, int] = {}
        for at in self.joined:
            begin = at - at % (60 * SECOND)
            joined[begin] = joined.get(begin, 0) + 1
        return {
            "joined_by_minute": sorted(joined.items()),
            "called_by_minute": self.by_minute(),
            "counts": self.counts,
            "waited_95": self.waited[(len(self.waited) * 95 - 1) // 100] if self.waited else 0,
            "pauses_from_until": [tuple(pause) for pause in self.pauses],
            "paces_set": self.paces,
        }


def median(ordered: list[int]) -> int:
    """Of an even number the lower of the two in the middle; 0 of none."""
    return ordered[(len(ordered) - 1) // 2] if ordered else 0


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
    entry = report.ticket
    if not entry:
        report.troubles.append((0, f"The ticket {ticket} is not in the log."))
        return
    at = when(entry["joined"])
    report.notes.append(f"The ticket is entry {entry['entry']}, issued {at}, line {entry['line']}.")
    if entry["place"] is None:
        report.notes.append("Its place is not known before the draw.")
    elif place is not None and entry["place"] != place:
        report.troubles.append(
            (entry["line"], f"The place of this ticket is {entry['place']}, not {place}.")
        )
    else:
        called = "has been called" if entry["place"] <= report.called else "is not called yet"
        report.notes.append(f"Its place is {entry['place']}, which {called}.")


def read_proof(text: str) -> tuple[dict[str, Any], str]:
    """A proof kept from a ticket page, in either of its two forms, and the checkpoint of a
    tlog-proof. Raises Unreadable."""
    head, blank, checkpoint = text.partition("\n\n")
    lines = head.split("\n")
    try:
        if not lines[0].startswith("c2sp.org/tlog-proof@"):
            return dict(json.loads(text)), ""
        if lines[0] != "c2sp.org/tlog-proof@v1":
            raise BadNote("its format is another than tlog-proof@v1")
        if not blank or len(lines) < 3 or not lines[1].startswith("extra "):
            raise BadNote("it is cut off, or of another log: the way to the page is missing")
        index = re.fullmatch("index (0|[1-9][0-9]{0,18})", lines[2], re.ASCII)
        if not index:
            raise BadNote("it does not say which page it is of")
        proof = dict(json.loads(base64_of(lines[1][len("extra ") :], "the way to the page")))
        proof["log_path"] = [base64_of(step, "a step of the proof").hex() for step in lines[3:]]
        note = Checkpoint.parse(checkpoint)
        if json.loads(proof["page"])["number"] != int(index[1]) + 1:
            raise BadNote("it is mixed from two proofs: its page is not the one that it is of")
        return {**proof, "size": note.size, "root": note.root}, checkpoint
    except (ValueError, TypeError, KeyError) as error:
        raise Unreadable(f"The proof can't be read: {error}.") from error


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
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        report.troubles.append((0, f"The proof can't be understood: {error}."))
        return
    if in_page != roots[0]:
        report.troubles.append((0, "The proof does not lead from its ticket to its page."))
    elif in_log != roots[1]:
        report.troubles.append((0, "The proof does not lead from its page to its root."))
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


def check_checkpoint(report: Report, note: str, policy: Policy | None = None) -> None:
    """A checkpoint that was kept: is it of this log's history, and who stands for it?"""
    try:
        checkpoint = Checkpoint.parse(note)
    except BadNote as error:
        report.troubles.append((0, f"The checkpoint can't be read: {error}."))
        return
    if not checkpoint.origin.endswith(f"/queue/{report.room}/log"):
        report.troubles.append((0, f"The checkpoint is of another log, {checkpoint.origin}."))
        return
    check_history(report, checkpoint)
    if policy is None:
        report.notes.append(
            "NOT CHECKED: who signed the checkpoint. Give the policy that you kept with --policy."
        )
    else:
        check_signers(report, checkpoint, policy)


def check_history(report: Report, checkpoint: Checkpoint) -> None:
    """Whether the log ever was what the checkpoint says."""
    size = checkpoint.size
    if size >= len(report.history):
        report.newer = True
        report.notes.append(
            f"The checkpoint is newer than this file: it is of {size} pages, and the file has "
            f"{report.pages}. Download the log again, then check once more."
        )
    elif report.history[size] != checkpoint.root:
        report.troubles.append(
            (
                0,
                f"FORKED: the checkpoint of {size} pages has another root than this log had then. "
                "There are two histories. Keep both files: if both are signed, they prove it.",
            )
        )
    elif size < report.pages:
        report.notes.append(f"The log goes on from the older checkpoint of {size} pages.")
    else:
        report.notes.append(f"The checkpoint is of this very log, of {size} pages.")


def check_signers(report: Report, checkpoint: Checkpoint, policy: Policy) -> None:
    """Whether a log of the policy signed, and as many witnesses as it asks for."""
    logs = [key for key in policy.logs if key.name == checkpoint.origin]
    if not logs:
        report.troubles.append((0, f"The policy has no key of the log {checkpoint.origin}."))
    elif not any(holds(report, checkpoint, key) is not None for key in logs):
        named = [Key.parse(vkey) for vkey in report.keys]
        by_ours = any(holds(report, checkpoint, key) is not None for key in named)
        report.troubles.append(
            (
                0,
                "No key of the policy signed the checkpoint."
                + " One that the log names since did: compare it with the announcement." * by_ours,
            )
        )
    signed: set[str] = set()
    for name, key in policy.witnesses.items():
        if key.kind != COSIGNATURE:
            report.notes.append(f"NOT CHECKED: {name}, whose kind of key is not known here.")
            continue
        time = holds(report, checkpoint, key)
        if time is not None and is_right_time(report, checkpoint.size, name, time):
            report.notes.append(f"{name} cosigned the checkpoint at {when(time * SECOND)}.")
            signed.add(name)
    if not policy.is_met(signed):
        report.troubles.append(
            (
                0,
                f"The policy asks for {policy.asks_for()}; the checkpoint was cosigned by "
                f"{', '.join(sorted(signed)) or 'nobody'}.",
            )
        )
    elif not policy.witnesses:
        report.notes.append("NOT SHOWN: that others see this log too. No witness cosigns it.")


def holds(report: Report, checkpoint: Checkpoint, key: Key) -> int | None:
    """As `signed_at`; a wrong signature is trouble."""
    try:
        return signed_at(checkpoint, key)
    except BadNote as error:
        report.troubles.append((0, f"The checkpoint does not hold: {error}."))
        return None


def is_right_time(report: Report, size: int, name: str, time: int) -> bool:
    if 0 < size <= len(report.written) and time + TOLERANCE < report.written[size - 1] // SECOND:
        report.troubles.append(
            (0, f"{name} cosigned at {when(time * SECOND)}, before the last page was written.")
        )
        return False
    return True


# The log as static files: c2sp.org/tlog-tiles.

WIDTH = 256
TILE = re.compile(
    r"tile/(?P<level>entries|[0-9]|[1-9][0-9])/(?P<index>(?:x[0-9]{3}/)*[0-9]{3})"
    r"(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)


def check_tiles(report: Report, folder: Path, policy: Policy | None = None) -> None:
    """Whether the files of a log hold what its pages give. Raises OSError."""
    note = (folder / "checkpoint").read_text(encoding="utf-8", errors="replace")
    check_checkpoint(report, note, policy)
    levels = levels_of(report.leaves)
    present = set()
    for path in sorted(path for path in (folder / "tile").rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if not path.name.startswith("."):
            present.add(name)
            trouble = tile_trouble(report, name, path.read_bytes(), levels)
            if trouble:
                report.troubles.append((0, f"{name} {trouble}."))
    with contextlib.suppress(BadNote):
        size = Checkpoint.parse(note).size
        # Of a log that is newer than the file, nobody knows here which tiles it has.
        missing = sorted(set(tiles_of(size)) - present) if size <= report.pages else []
        if missing:
            others = f", nor are {len(missing) - 1} others" if len(missing) > 1 else ""
            report.troubles.append((0, f"{missing[0]} is not there{others}: files are missing."))


def levels_of(leaves: list[bytes]) -> list[list[bytes]]:
    """The hashes of each level of tiles: of the pages, of 256 pages, of 65,536 …"""
    levels = [leaves]
    while len(levels[-1]) >= WIDTH:
        below = levels[-1]
        above = []
        for start in range(0, len(below) - WIDTH + 1, WIDTH):
            nodes = below[start : start + WIDTH]
            while len(nodes) > 1:
                nodes = [node_hash(*nodes[at : at + 2]) for at in range(0, len(nodes), 2)]
            above += nodes
        levels.append(above)
    return levels


def tiles_of(size: int) -> Iterator[str]:
    """The names of the tiles that a log of `size` pages needs."""
    for level in ("entries", *range(8)):
        count = size // WIDTH ** (level if isinstance(level, int) else 0)
        for index in range(-(-count // WIDTH)):
            digits = str(index)
            digits = digits.zfill(-(-len(digits) // 3) * 3)
            parts = [digits[at : at + 3] for at in range(0, len(digits), 3)]
            path = "/".join([*(f"x{part}" for part in parts[:-1]), parts[-1]])
            width = min(count - index * WIDTH, WIDTH)
            yield f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


def tile_trouble(report: Report, name: str, content: bytes, levels: list[list[bytes]]) -> str:
    """What is wrong with a file; nothing if it holds what it should."""
    parts = TILE.fullmatch(name)
    if not parts:
        return "is no path of a tile"
    level = 0 if parts["level"] == "entries" else int(parts["level"])
    index, width = int(re.sub("[x/]", "", parts["index"])), int(parts["width"] or WIDTH)
    hashes = levels[level] if level < len(levels) else []
    expected = hashes[index * WIDTH : index * WIDTH + width]
    if len(expected) < width:
        report.newer = True
        report.notes.append(f"{name} is newer than this file: download the log again.")
    if parts["level"] == "entries":
        try:
            got = [leaf_hash(entry) for entry in entries_of(content)]
        except ValueError:
            return "ends in the middle of an entry"
    elif len(content) % 32:
        return "ends in the middle of a hash"
    else:
        got = [content[at : at + 32] for at in range(0, len(content), 32)]
    if len(got) != width:
        return f"holds {len(got)} of {width}: it is cut off or goes on too long"
    return difference(got[: len(expected)], expected, hashes)


def difference(got: list[bytes], expected: list[bytes], hashes: list[bytes]) -> str:
    if got == expected:
        return ""
    if sorted(got) == sorted(expected):
        return "holds what it should, in another order"
    first = next(at for at in range(len(got)) if got[at] != expected[at])
    if set(got) <= set(hashes):
        return "belongs in another place of this log"
    if not set(got) & set(hashes):
        return "is of another log"
    return f"is mixed: from number {first + 1} on it holds something else"


def entries_of(bundle: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        entry = bundle[at + 2 : at + 2 + length]
        if len(entry) < length or at + 2 > len(bundle):
            raise ValueError
        yield entry
        at += 2 + length


def when(microseconds: object) -> str:
    """Korean time, to the second; a number that no calendar has as it stands."""
    zone = datetime.timezone(datetime.timedelta(hours=9))
    try:
        moment = datetime.datetime.fromtimestamp(int(str(microseconds)) / 1e6, zone)
    except (OverflowError, OSError, ValueError):
        return str(microseconds)
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


def number_in(act: dict[str, Any], name: str) -> int:
    """A whole number of an act; ValueError if it is none."""
    if type(act[name]) is not int:
        raise ValueError(f"its “{name}” is {act[name]!r}")
    return int(act[name])


def rows_of(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True)
    before = 1
    try:
        for row in reader:
            yield before, row
            before = reader.line_num + 1
    except csv.Error as error:
        raise Unreadable(f"Line {before} is no CSV: {error}.") from error


# The evening's report.


def evening_in_words(report: Report) -> list[str]:
    """What the log gives of the evening; a format before 3 has no counts and no waiting times."""
    evening = report.evening
    median_wait, longest = duration(evening["waited_median"]), duration(evening["waited_most"])
    lines = [
        "The evening, worked out anew from this log:",
        f"  {evening['called']} called in {evening['calls']} calls, {evening['per_minute']} a "
        f"minute, at most {evening['busiest_minute']} in one minute",
        f"  {evening['tickets']} tickets, {evening['uncalled']} of them never called",
        "  waited from the opening, or from joining after it, to the call: "
        f"{median_wait} (median), {longest} at most",
        f"  pauses: {evening['pauses']}; between the first call and the last they took "
        f"{duration(evening['paused_seconds'])}",
    ]
    lines += [
        f"    {when(begin)} to {when(until) if until else 'the end'}"
        for begin, until in evening["pauses_from_until"]
    ]
    lines.append(f"  changes of pace: {evening['paces']}")
    lines += [
        f"    from {when(at)}: {inside} inside, {calls} called a minute, at most"
        for at, inside, calls in evening["paces_set"]
    ]
    if report.format >= 3:
        share = evening["estimates_width"] / 10
        lines += [
            f"  {evening['entered']} entered, {evening['ran_out']} of them ran out of time",
            f"  {evening['estimates_held']} of {evening['estimates']} published waiting times "
            f"held; half of the ranges were no wider than {share:.0f} % of the wait",
        ]
    return [*lines, compared_with_totals(report)]


def compared_with_totals(report: Report) -> str:
    differing = [name for name, value in report.totals.items() if report.evening.get(name) != value]
    if report.format < 3:
        return f"NOT CHECKED: the totals. A log of format {report.format} records none."
    if not report.totals:
        return "NOT CHECKED: the totals. The log records them when the line is over."
    if differing:
        return f"The totals in the log differ, or the line went on: {', '.join(differing)}."
    return "These are the totals that the log records."


def duration(seconds: int) -> str:
    hours, minutes = seconds // 3600, seconds // 60 % 60
    parts = [(hours, "h"), (minutes, "min"), (seconds % 60, "s")]
    return " ".join(f"{value} {unit}" for value, unit in parts if value) or "0 s"


def as_json(report: Report) -> str:
    """For programs: what `summary` says in words. Times are microseconds since 1970."""
    return json.dumps(
        {
            "room": report.room,
            "format": report.format,
            "pages": report.pages,
            "tickets": report.tickets,
            "acts": report.acts,
            "root": report.root,
            "good": report.is_good,
            "newer": report.newer,
            "troubles": [{"line": line, "what": what} for line, what in report.troubles],
            "notes": report.notes,
            "evening": report.evening,
            "totals": report.totals or None,
        },
        ensure_ascii=False,
        indent=1,
    )


def summary(report: Report) -> str:
    lines = [
        f"Room {report.room}: {report.pages} pages, {report.tickets} tickets, "
        f"{report.acts} acts, places called up to {report.called}.",
        f"Log root: {report.root}",
        *report.notes,
    ]
    if report.drawn:
        lines.append(f"The draw among {report.frozen} entries was recomputed.")
    if report.called or report.totals:
        lines += evening_in_words(report)
    for line, what in report.troubles:
        lines.append(f"line {line}: {what}" if line else what)
    if len(report.troubles) >= MOST_TROUBLES:
        lines.append(f"… and perhaps more: only the first {MOST_TROUBLES} are shown.")
    count = len(report.troubles)
    lines.append("Everything is in order." if report.is_good else f"NOT in order: {count} found.")
    return "\n".join(lines)


def text_of(path: str) -> str:
    """As it is, line ends and all."""
    return Path(path).read_bytes().decode("utf-8")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Check the log of a waiting room.", epilog="Exit code 1 if anything is wrong."
    )
    parser.add_argument("log", help="the downloaded CSV")
    parser.add_argument("--root", metavar="HEX", help="a root seen earlier")
    parser.add_argument("--ticket", metavar="HASH", help="the hash shown on the ticket page")
    parser.add_argument("--place", type=int, metavar="N", help="with --ticket: the place told")
    parser.add_argument("--proof", metavar="FILE", help="the proof saved from the ticket page")
    parser.add_argument(
        "--checkpoint", metavar="FILE", action="append", default=[], help="a checkpoint kept"
    )
    parser.add_argument("--policy", metavar="FILE", help="who must have signed and cosigned it")
    parser.add_argument("--tiles", metavar="FOLDER", help="the log as static files")
    parser.add_argument("--json", action="store_true", help="answer with JSON")
    given = parser.parse_args(arguments)
    try:
        policy = Policy(text_of(given.policy)) if given.policy else None
        checkpoints = [text_of(path) for path in given.checkpoint]
        with open(given.log, encoding="utf-8-sig", newline="") as file:
            report = check(rows_of(file), ticket=given.ticket or "")
        if given.proof:
            proof, checkpoint = read_proof(text_of(given.proof))
            check_proof(report, proof)
            checkpoints += [checkpoint] if checkpoint else []
        for checkpoint in checkpoints:
            check_checkpoint(report, checkpoint, policy)
        if given.tiles:
            check_tiles(report, Path(given.tiles), policy)
    except BadNote as error:
        sys.stderr.write(f"The policy can't be read: {error}.\n")
        return 2
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if given.root:
        check_root(report, given.root)
    if given.ticket:
        check_ticket(report, given.ticket, given.place)
    sys.stdout.write((as_json if given.json else summary)(report) + "\n")
    if not report.is_good:
        return 1
    return 3 if report.newer else 0


if __name__ == "__main__":
    sys.exit(main())
