#!/usr/bin/env python3
"""Witness the logs of a portal: python witness.py --name NAME --log KEY

A witness (C2SP tlog-witness) receives the checkpoints of a log, and cosigns each that continues
the one it cosigned before, with the time. It never cosigns two histories of one log, so everybody
who requires its cosignature sees the same log. Run it where the portal's operators have no access.

Needs Python 3.9 and cryptography (pip install cryptography), and no other file: it shares no code
with the portal. Its own key and the last checkpoint of each log are in one SQLite file, made at the
first start. Never restore an older copy of that file: the witness could then cosign a second
history. If the file is lost, begin with a new one under a new name.

    --name NAME      of this witness, for example news.example.kr/witness; at the first start
    --log KEY        a log to witness: its key as the log's policy gives it (name+id+key). One * in
                     the name stands for a part of an address. Give it once for each key; during a
                     change of keys, old and new
    --state FILE     file of its key and logs (default witness.db)
    --listen ADDRESS host:port (default 127.0.0.1:7380); TLS is left to a proxy in front
    --vkey           only print this witness's own public key

    POST /add-checkpoint                 for logs: submit a checkpoint
    GET  /SHA256-OF-ORIGIN/checkpoint    the last checkpoint of a log, with this cosignature
"""

from __future__ import annotations

import argparse
import base64
import binascii
import contextlib
import hashlib
import io
import os
import re
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
except ImportError:
    sys.exit("The witness needs the package cryptography: pip install cryptography")

ED25519, COSIGNATURE = 0x01, 0x04
EMPTY_ROOT = hashlib.sha256(b"").digest()
MOST_PROOF_LINES = 63
MOST_SIGNATURES = 32
MOST_BYTES = 96 * 1024  # of a body: 32 signatures of the largest kind, and the proof
REQUEST_SECONDS = 10.0  # for a whole request, so that a slow sender can't occupy a thread
MOST_CONNECTIONS = 64
MOST_EVIDENCE = 1000  # stored contradictions for each log
PLAIN = "text/plain; charset=utf-8"
APPLICATION_ID = 0x4A574954  # marks the state file as a witness's
TABLES = """
CREATE TABLE IF NOT EXISTS me (id INTEGER PRIMARY KEY CHECK (id = 1), name TEXT, seed BLOB);
CREATE TABLE IF NOT EXISTS logs (
    origin TEXT PRIMARY KEY, size INTEGER, root BLOB, time INTEGER, checkpoint TEXT);
CREATE TABLE IF NOT EXISTS evidence (
    id INTEGER PRIMARY KEY, time INTEGER, origin TEXT, known TEXT, sent TEXT);
"""


class Refused(Exception):
    """A refused request: HTTP status, reason and content type of the answer."""

    def __init__(self, status: int, why: str, kind: str = PLAIN) -> None:
        super().__init__(why)
        self.status, self.why, self.kind = status, why, kind


class Unusable(Exception):
    """The witness can't start: the text says what to change."""


@dataclass(frozen=True)
class Key:
    """A log's public key; one * in its name stands for a part of an address."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, vkey: str) -> Key:
        """Raises Unusable."""
        name, _, identified = vkey.strip().partition("+")
        key_id, _, encoded = identified.partition("+")
        value = decoded(encoded)
        if not name or any(letter.isspace() for letter in name) or name.count("*") > 1:
            raise Unusable(f"“{vkey}” is no key of a log: write name+id+key.")
        if value is None or len(value) != 33 or value[0] != ED25519:
            raise Unusable(f"The key of {name} is no Ed25519 key of a log.")
        if key_id_of(name, ED25519, value[1:]).hex() != key_id.lower():
            raise Unusable(f"The id of the key of {name} does not belong to it: copy it whole.")
        return cls(name, value[1:])

    def is_of(self, origin: str) -> bool:
        pattern = re.escape(self.name).replace(r"\*", "[A-Za-z0-9._-]+")
        return re.fullmatch(pattern, origin) is not None


@dataclass(frozen=True)
class Submission:
    """A log's request: the size that it expects here, a consistency proof, its new checkpoint."""

    old: int
    proof: list[bytes]
    text: str  # the signed part: origin, size and root, each on its line
    origin: str
    size: int
    root: bytes
    signatures: list[tuple[str, bytes, bytes]] = field(default_factory=list)  # name, id, value

    @classmethod
    def parse(cls, body: bytes) -> Submission:
        """Raises Refused."""
        try:
            request = body.decode()
        except UnicodeDecodeError:
            raise Refused(400, "The request is no UTF-8.") from None
        if any(ord(letter) < 0x20 and letter != "\n" for letter in request):
            raise Refused(400, "The request holds control characters.")
        head, blank, note = request.partition("\n\n")
        lines = head.split("\n")
        old = number(lines[0][4:]) if lines[0].startswith("old ") else None
        if not blank or old is None:
            raise Refused(400, "The request does not begin with “old” and a size.")
        if len(lines) - 1 > MOST_PROOF_LINES:
            raise Refused(400, f"A proof has at most {MOST_PROOF_LINES} lines.")
        proof = [decoded(line) for line in lines[1:]]
        if any(step is None or len(step) != 32 for step in proof):
            raise Refused(400, "A line of the proof is no hash of 32 bytes in base64.")
        return cls(old, [step for step in proof if step], *cls._checkpoint(note))

    @staticmethod
    def _checkpoint(note: str) -> tuple[str, str, int, bytes, list[tuple[str, bytes, bytes]]]:
        text, blank, below = note.rpartition("\n\n")
        lines = text.split("\n")
        if not blank or len(lines) < 3 or not all(lines) or not below.endswith("\n"):
            raise Refused(400, "The checkpoint is cut off, or has empty lines.")
        size, root = number(lines[1]), decoded(lines[2])
        if size is None or root is None or len(root) != 32:
            raise Refused(400, "The checkpoint has no size or no root.")
        signed = below[:-1].split("\n")
        if len(signed) > MOST_SIGNATURES:
            raise Refused(400, f"A checkpoint with more than {MOST_SIGNATURES} signatures.")
        return text + "\n", lines[0], size, root, [signature(line) for line in signed]


def signature(line: str) -> tuple[str, bytes, bytes]:
    """Name, key id and bytes of a signature line; raises Refused."""
    parts = line.split(" ")
    value = decoded(parts[2]) if len(parts) == 3 and parts[0] == "\u2014" else None
    if value is None or len(value) < 5 or not parts[1] or "+" in parts[1]:
        raise Refused(400, "A line of the checkpoint is no signature line.")
    return parts[1], value[:4], value[4:]


def number(text: str) -> int | None:
    """A size: decimal digits without a zero in front, below 2**63."""
    if not re.fullmatch("0|[1-9][0-9]{0,18}", text, re.ASCII):
        return None
    value = int(text)
    return value if value < 1 << 63 else None


def decoded(text: str) -> bytes | None:
    """Canonical standard base64: None unless it encodes back to the same text."""
    try:
        value = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return value if base64.b64encode(value).decode() == text else None


def key_id_of(name: str, kind: int, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """Verify a consistency proof from `old` to `new` leaves: RFC 9162, 2.1.4.2, with its names."""
    if old == new:
        return not proof and old_root == new_root
    if old == 0:
        return not proof
    if not proof or old > new:
        return False
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]
    for step in path[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(step, fr), node_hash(step, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, step)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old_root and sr == new_root


class Witness:
    """A key, and for each log the last checkpoint that was cosigned with it."""

    def __init__(self, state: str, keys: list[Key], name: str = "") -> None:
        """Raises Unusable."""
        self.state, self.keys = state, keys
        self.name, seed = self._me(name)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.name, COSIGNATURE, self.public)
        if any(key.public == self.public for key in keys):
            raise Unusable("A log can't be witnessed with its own key.")

    @property
    def vkey(self) -> str:
        encoded = base64.b64encode(bytes([COSIGNATURE]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def _me(self, name: str) -> tuple[str, bytes]:
        """Name and private key, made and stored at the first start. Raises Unusable."""
        if "+" in name or any(letter.isspace() for letter in name):
            raise Unusable("A name has neither spaces nor “+”.")
        # Before SQLite creates it with the umask's permissions: other users must not read the key.
        os.close(os.open(self.state, os.O_RDWR | os.O_CREAT, 0o600))
        try:
            with self._transaction() as database:
                application_id = database.execute("PRAGMA application_id").fetchone()[0]
                if application_id != APPLICATION_ID:
                    if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        raise Unusable(f"{self.state} is another program's file.")
                    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                for statement in TABLES.strip().split(";\n"):
                    database.execute(statement)
                row = database.execute("SELECT name, seed FROM me").fetchone()
                if row is None:
                    if not name:
                        raise Unusable(f"{self.state} is new: give this witness a --name.")
                    row = name, os.urandom(32)
                    database.execute("INSERT INTO me VALUES (1, ?, ?)", row)
        except sqlite3.DatabaseError as error:
            raise Unusable(f"{self.state} can't be used: {error}.") from error
        if name and row[0] != name:
            raise Unusable(f"{self.state} belongs to the witness {row[0]}, not {name}.")
        return row[0], bytes(row[1])

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One transaction at a time, durable when it ends."""
        database = sqlite3.connect(self.state, timeout=5, isolation_level=None)
        try:
            # EXTRA also syncs the folder: after a power cut no cosignature may be forgotten.
            database.execute("PRAGMA synchronous = EXTRA")
            # The write lock at once: two requests must not both read the same last checkpoint.
            database.execute("BEGIN IMMEDIATE")
            yield database
            database.execute("COMMIT")
        finally:
            database.close()  # rolls back unless committed

    def add_checkpoint(self, body: bytes) -> str:
        """Cosign a checkpoint that is consistent with the last one; raises Refused."""
        submission = Submission.parse(body)
        self._check_signatures(submission)
        if submission.old > submission.size:
            raise Refused(400, "The old size is above that of the checkpoint.")
        if submission.size == 0 and submission.root != EMPTY_ROOT:
            raise Refused(422, "The root of an empty log is the hash of nothing.")
        with self._transaction() as database:
            row = database.execute(
                "SELECT size, root, time, checkpoint FROM logs WHERE origin = ?",
                (submission.origin,),
            ).fetchone()
            size, root, last, checkpoint = row or (0, EMPTY_ROOT, 0, "")
            if submission.old != size:
                raise Refused(409, f"{size}\n", "text/x.tlog.size")
            if is_consistent(size, submission.size, bytes(root), submission.root, submission.proof):
                line = self._cosign(submission, last)
                note = self._verified_note(submission) + line
                # Stored before the answer: a cosignature that left is never forgotten.
                database.execute(
                    "INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?, ?)",
                    (submission.origin, submission.size, submission.root, int(time.time()), note),
                )
                return line
        self._store_evidence(submission.origin, checkpoint, body.decode())
        if submission.size == size:
            raise Refused(422, "Another root was cosigned for this size: this is another history.")
        raise Refused(422, "The consistency proof does not lead from the last checkpoint to this.")

    def _check_signatures(self, submission: Submission) -> None:
        keys = [key for key in self.keys if key.is_of(submission.origin)]
        if not keys:
            raise Refused(404, "This witness does not know the log.")
        valid = False
        for key in keys:
            key_id = key_id_of(submission.origin, ED25519, key.public)
            for signer, signer_id, value in submission.signatures:
                if (signer, signer_id) == (submission.origin, key_id):
                    try:
                        public = Ed25519PublicKey.from_public_bytes(key.public)
                        public.verify(value, submission.text.encode())
                    except (InvalidSignature, ValueError):
                        raise Refused(403, "A signature of the log is wrong.") from None
                    valid = True
        if not valid:
            raise Refused(403, "No key of the log that this witness knows has signed.")

    def _cosign(self, submission: Submission, last: int) -> str:
        """The cosignature line; `last` is the time of the one before, in POSIX seconds."""
        now = int(time.time())
        if now < last:
            raise Refused(503, "The clock of this witness went back; ask again.")
        message = f"cosignature/v1\ntime {now}\n{submission.text}".encode()
        value = self.key_id + now.to_bytes(8, "big") + self._key.sign(message)
        return f"\u2014 {self.name} {base64.b64encode(value).decode()}\n"

    def _verified_note(self, submission: Submission) -> str:
        """The checkpoint with the signatures that were verified, and no others."""
        key_ids = {key_id_of(submission.origin, ED25519, key.public) for key in self.keys}
        lines = "".join(
            f"\u2014 {name} {base64.b64encode(key_id + value).decode()}\n"
            for name, key_id, value in submission.signatures
            if name == submission.origin and key_id in key_ids
        )
        return f"{submission.text}\n{lines}"

    def _store_evidence(self, origin: str, checkpoint: str, request: str) -> None:
        """Store a signed checkpoint that is inconsistent with the last one: evidence of a fork,
        or only a wrong proof. At most MOST_EVIDENCE for each log, so that it can't fill the disk.
        """
        with self._transaction() as database:
            count = "SELECT count(*) FROM evidence WHERE origin = ?"
            if database.execute(count, (origin,)).fetchone()[0] < MOST_EVIDENCE:
                database.execute(
                    "INSERT INTO evidence (time, origin, known, sent) VALUES (?, ?, ?, ?)",
                    (int(time.time()), origin, checkpoint, request),
                )

    def last_checkpoint(self, origin_hash: str) -> str:
        """The last cosigned checkpoint of a log; raises Refused."""
        with self._transaction() as database:
            rows = database.execute("SELECT origin, checkpoint FROM logs").fetchall()
        for origin, checkpoint in rows:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_hash:
                return str(checkpoint)
        raise Refused(404, "No checkpoint of such a log was cosigned.")


class Timed(io.RawIOBase):
    """A client's bytes, with a total timeout and size for each request; raises TimeoutError.

    A socket's own timeout would start anew with each byte.
    """

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.restart()

    def restart(self) -> None:
        self.until, self.bytes_left = time.monotonic() + REQUEST_SECONDS, 2 * MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        seconds = self.until - time.monotonic()
        if seconds <= 0 or self.bytes_left <= 0:
            raise TimeoutError
        self.connection.settimeout(seconds)
        received = self.connection.recv_into(buffer)
        self.bytes_left -= received
        return received


class Handler(BaseHTTPRequestHandler):
    """One connection with one or more requests."""

    protocol_version = "HTTP/1.1"
    server: Server
    server_version, sys_version = "witness", ""

    def setup(self) -> None:
        super().setup()
        self.timed = Timed(self.connection)
        self.rfile = io.BufferedReader(self.timed)

    def handle_one_request(self) -> None:
        self.timed.restart()
        super().handle_one_request()

    def do_POST(self) -> None:
        length = number(self.headers.get("Content-Length") or "")
        if self.headers.get("Transfer-Encoding") or length is None or length > MOST_BYTES:
            self.close_connection = True  # the body stays unread
            has_length = length is not None and not self.headers.get("Transfer-Encoding")
            self.answer(413 if has_length else 411, "Say how long the body is: at most 96 KiB.\n")
            return
        body = self.rfile.read(length)
        if len(body) < length:
            raise TimeoutError  # it broke off
        if self.path != "/add-checkpoint":
            self.answer(404, "Checkpoints go to /add-checkpoint.\n")
            return
        self.run(lambda: self.server.witness.add_checkpoint(body))

    def do_GET(self) -> None:
        match = re.fullmatch("/([0-9a-f]{64})/checkpoint", self.path)
        if match:
            self.run(lambda: self.server.witness.last_checkpoint(match[1]))
        elif self.path == "/":
            self.answer(200, f"A witness (c2sp.org/tlog-witness).\n{self.server.witness.vkey}\n")
        else:
            self.answer(404, "Nothing is here.\n")

    def log_error(self, *_: Any) -> None:
        """Timeouts are closed without a line in the log."""

    def run(self, act: Any) -> None:
        """Answer with the result of `act`, or its refusal."""
        try:
            self.answer(200, act())
        except Refused as refused:
            why = refused.why if refused.why.endswith("\n") else refused.why + "\n"
            self.answer(refused.status, why, refused.kind)
        except sqlite3.Error as error:
            sys.stderr.write(f"the state can't be written: {error}\n")
            self.answer(500, "The witness can't write down what it would sign, so it does not.\n")

    def answer(self, status: int, text: str, kind: str = PLAIN) -> None:
        self.timed.until = time.monotonic() + REQUEST_SECONDS
        self.connection.settimeout(REQUEST_SECONDS)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A thread for each connection; above MOST_CONNECTIONS they are closed at once."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], witness: Witness) -> None:
        self.witness = witness
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread could be started
            self._free.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Errors of connections are expected and not logged."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Witness the logs of a portal.")
    parser.add_argument("--name", default="", help="of this witness, at the first start")
    parser.add_argument("--log", action="append", default=[], metavar="KEY", help="name+id+key")
    parser.add_argument("--state", default="witness.db", metavar="FILE")
    parser.add_argument("--listen", default="127.0.0.1:7380", metavar="ADDRESS")
    parser.add_argument("--vkey", action="store_true", help="only print its own public key")
    options = parser.parse_args(arguments)
    host, _, port = options.listen.rpartition(":")
    try:
        witness = Witness(options.state, [Key.parse(vkey) for vkey in options.log], options.name)
        if options.vkey:
            sys.stdout.write(f"{witness.vkey}\n")
            return 0
        if not witness.keys:
            raise Unusable("Say which logs to witness: --log KEY, as the log's policy gives it.")
        if not host or number(port) is None or int(port) > 65535:
            raise Unusable(f"“{options.listen}” is no address: write host:port.")
        server = Server((host.strip("[]"), int(port)), witness)
    except (Unusable, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    for number_of_signal in (signal.SIGTERM, signal.SIGINT):
        # In a thread: shutdown() would wait for serve_forever(), which the signal interrupts.
        signal.signal(number_of_signal, lambda *_: threading.Thread(target=server.shutdown).start())
    logs = ", ".join(sorted({key.name for key in witness.keys}))
    sys.stdout.write(f"{witness.vkey}\nwitnesses {logs}\nlistens at {server.server_address[:2]}\n")
    sys.stdout.flush()
    server.serve_forever()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
