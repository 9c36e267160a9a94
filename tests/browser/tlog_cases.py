"""Checkpoints, policies and proofs for the page's own check (static/jari/tlog.js): right ones, and
what each forgery is to be called. Neither database nor server is needed.
"""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from waiting_room import merkle, public_log
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import COSIGNATURE, Note, Signer
from waiting_room.tlog.proofs import Proof

ROOM, ORIGIN = "seoul-60s", "jari.example.kr/queue/seoul-60s/log"
START = datetime(2027, 4, 14, 11, tzinfo=UTC)
LOG, OTHER = Signer(ORIGIN, sha256(b"log").digest()), Signer(ORIGIN, sha256(b"other").digest())
WITNESSES = [Signer(f"witness{n}.example", bytes([n]) * 32, COSIGNATURE) for n in (1, 2, 3)]
STRANGER = Signer("stranger.example", bytes(32), COSIGNATURE)
TIME = 1_800_000_000
PAGES, PER_PAGE, PAGE, ENTRY = 7, 5, 3, 13


def hash_of(entry: int) -> str:
    return public_log.ticket_hash(UUID(int=entry))


class Log:
    """Seven pages of five tickets; the ticket that is looked for is number 13."""

    def __init__(self, count: int = PAGES, per_page: int = PER_PAGE, acts: int = 1) -> None:
        self.count, self.per_page = count, per_page
        self.nodes: dict[int, bytes] = {}
        self.pages: list[public_log.Page] = []
        self.leaves: dict[int, list[bytes]] = {}
        previous = merkle.EMPTY_ROOT.hex()
        for number in range(1, count + 1):
            after = (number - 1) * per_page
            paused = [public_log.leaf_for_act(ROOM, number, "pause", START)] * acts
            self.leaves[number] = [
                public_log.leaf_for_ticket(ROOM, entry, START, hash_of(entry))
                for entry in range(after + 1, after + per_page + 1)
            ]
            page = public_log.make_page(
                room=ROOM, number=number, previous=previous, after=after, upto=after + per_page,
                ticket_leaves=self.leaves[number], act_leaves=paused,
                at=START + timedelta(seconds=number),
            )  # fmt: skip
            self.leaves[number] += paused
            self.nodes[number], previous = public_log.append(page, self.read)
            self.pages.append(page)

    def read(self, numbers: set[int]) -> Mapping[int, bytes]:
        return {number: self.nodes[number] for number in numbers}

    def root(self) -> bytes:
        return merkle.log_root(self.count, self.read)

    def proof(self, note: Note, entry: int = ENTRY) -> Proof:
        number = (entry - 1) // self.per_page + 1
        index = (entry - 1) % self.per_page
        hashes = [merkle.leaf_hash(leaf) for leaf in self.leaves[number]]
        steps, last = (merkle.log_path(at, self.count, self.read) for at in (number, self.count))
        extra = {
            "leaf": self.leaves[number][index].decode(), "index": index,
            "page": self.pages[number - 1].record().decode(),
            "page_path": [step.hex() for step in merkle.path(hashes, index)],
            "last": self.pages[-1].record().decode(),
            "last_path": [step.hex() for step in last],
        }  # fmt: skip
        return Proof(number - 1, steps, note, json.dumps(extra).encode())


THE_LOG = Log()
# The last of thirteen: its way bends twice at the edge of the tree, and its page holds it alone.
LONG = Log(13, per_page=1, acts=0)


def note_of(
    *cosigners: Signer, by: Signer = LOG, root: bytes | None = None, text: str = "",
    of: Log = THE_LOG,
) -> Note:  # fmt: skip
    root = of.root() if root is None else root
    made = Checkpoint(ORIGIN, of.count, root).signed_by([by])
    cosigned = tuple(w.cosign(text or made.text, timestamp=TIME) for w in cosigners)
    return Note(made.text, made.signatures + cosigned)


NOTE = note_of(*WITNESSES[:2])
LINES = [f"log {LOG.verifier}"] + [f"witness W{n} {w.verifier}" for n, w in enumerate(WITNESSES, 1)]
POLICY = "\n".join(["# who counts", *LINES, "", "group G 2 W1 W2 W3", "quorum G", ""])
GIVEN: dict[str, Any] = {
    "checkpoint": str(NOTE), "policy": POLICY, "proof": str(THE_LOG.proof(NOTE)), "origin": ORIGIN,
    "ticket": {"id": str(UUID(int=ENTRY)), "room": ROOM, "entry": ENTRY}, "before": None,
}  # fmt: skip
RIGHT = {
    "signatures": {
        "name": ORIGIN, "key": LOG.verifier.key_id.hex(), "unchecked": False, "k": 2, "n": 3,
    },
    "found": {"numbers": PAGES * PER_PAGE, "at": 1000 * (START.timestamp() + PAGES)},
    "seen": {"size": PAGES, "root": THE_LOG.root().hex()},
}  # fmt: skip

# What is more than a code.
RESULTS = {
    "as it should be": RIGHT,
    "a browser without Ed25519": RIGHT | {"signatures": RIGHT["signatures"] | {"unchecked": True}},
}

Change = Callable[[dict[str, Any]], dict[str, Any]]


def checkpoint(note: Note | str, *, everywhere: bool = True) -> Change:
    """Another checkpoint; a proof that leads to it too, where it can be read."""

    def change(given: dict[str, Any]) -> dict[str, Any]:
        changed = given | {"checkpoint": str(note)}
        if everywhere and isinstance(note, Note):
            changed["proof"] = str(THE_LOG.proof(note))
        return changed

    return change


def replaced(name: str, old: str, new: str) -> Change:
    def change(given: dict[str, Any]) -> dict[str, Any]:
        assert old in given[name], (name, old)
        return given | {name: given[name].replace(old, new, 1)}

    return change


def policy(*lines: str) -> Change:
    return lambda given: given | {"policy": "\n".join([*LINES, *lines, ""])}


def proof(**changes: Any) -> Change:
    def change(given: dict[str, Any]) -> dict[str, Any]:
        made = THE_LOG.proof(NOTE)
        values = {name: act(made) for name, act in changes.items()}
        return given | {"proof": str(Proof(**vars(made) | values))}

    return change


def extra(**changes: Any) -> Change:
    def change(given: dict[str, Any]) -> dict[str, Any]:
        made = THE_LOG.proof(NOTE)
        values = json.loads(made.extra)
        values |= {name: act(values) for name, act in changes.items()}
        new = Proof(made.index, made.steps, made.checkpoint, json.dumps(values).encode())
        return given | {"proof": str(new)}

    return change


def in_another_log(log: Log, entry: int, **changes: Any) -> Change:
    """A ticket of `log`, with its checkpoint, and some of its proof's extra changed."""
    note = note_of(*WITNESSES[:2], of=log)
    made = log.proof(note, entry)
    text = json.dumps(json.loads(made.extra) | changes)
    proof = Proof(made.index, made.steps, note, text.encode())
    ticket = {"id": str(UUID(int=entry)), "room": ROOM, "entry": entry}
    return lambda given: given | {"checkpoint": str(note), "proof": str(proof), "ticket": ticket}


def words_behind_the_extra(given: dict[str, Any]) -> dict[str, Any]:
    first, extra, *rest = given["proof"].split("\n")
    return given | {"proof": "\n".join([first, f"{extra} x", *rest])}


def page_with(name: str, value: object) -> Callable[[dict[str, Any]], str]:
    return lambda e: json.dumps(json.loads(e["page"]) | {name: value})


def without_base64_end(text: str) -> str:
    """The same bytes, written as base64 does not write them."""
    line = str(NOTE.signatures[0].line()).rstrip("\n")
    encoded = line.split(" ")[2]
    value = base64.b64decode(encoded)
    assert len(value) % 3 == 2
    return text.replace(encoded, encoded[:-2] + chr(ord(encoded[-2]) + 1) + "=", 1)


def same(given: dict[str, Any]) -> dict[str, Any]:
    return given


def other_key(text: str) -> str:
    return str(Signer(text, bytes([9]) * 32).verifier)


ROOT = base64.b64encode(THE_LOG.root()).decode()
SEEN = {"size": PAGES, "root": THE_LOG.root().hex()}
OK = "ok"
CASES: dict[str, tuple[Change, str]] = {
    "as it should be": (same, OK),
    "a browser without Ed25519": (lambda g: g | {"blind": True}, OK),
    "the first ticket of the first page": (in_another_log(THE_LOG, 1), OK),
    "the last page of thirteen": (in_another_log(LONG, 13), OK),
    "the second place in a page of one": (in_another_log(LONG, 13, index=1), "page"),
    "seen before, the same": (lambda g: g | {"before": SEEN}, OK),
    "seen before, shorter": (lambda g: g | {"before": SEEN | {"size": 6, "root": "00"}}, OK),
    "seen before, longer": (lambda g: g | {"before": SEEN | {"size": 8}}, "older"),
    "seen before, another root": (lambda g: g | {"before": SEEN | {"root": "00" * 32}}, "fork"),
    # Checkpoint
    "another origin": (lambda g: g | {"origin": "other.example/log"}, "origin"),
    "cut off": (lambda g: g | {"checkpoint": str(NOTE)[:40]}, "unreadable checkpoint"),
    "no signature": (lambda g: g | {"checkpoint": NOTE.text}, "unreadable checkpoint"),
    "no end": (lambda g: g | {"checkpoint": str(NOTE)[:-1]}, "unreadable checkpoint"),
    "another end": (lambda g: g | {"checkpoint": str(NOTE)[:-1] + "x"}, "unreadable checkpoint"),
    "no size": (replaced("checkpoint", "\n7\n", "\n07\n"), "unreadable checkpoint"),
    "a negative size": (replaced("checkpoint", "\n7\n", "\n-7\n"), "unreadable checkpoint"),
    "a size that is too large": (
        replaced("checkpoint", "\n7\n", "\n9007199254740993\n"), "unreadable checkpoint",
    ),
    "a root that is no base64": (
        replaced("checkpoint", "\n7\n", "\n7\n!"), "unreadable checkpoint",
    ),
    "a root that is written otherwise": (
        checkpoint(str(NOTE).replace(ROOT, ROOT[:-2] + chr(ord(ROOT[-2]) + 1) + "=")),
        "unreadable checkpoint",
    ),
    "no root, to which no way leads": (lambda g: g | rootless(), "unreadable checkpoint"),
    "a signature that is written otherwise": (
        checkpoint(without_base64_end(str(NOTE))), "unreadable checkpoint",
    ),
    "words behind a signature": (
        replaced("checkpoint", NOTE.signatures[0].line(), NOTE.signatures[0].line()[:-1] + " x\n"),
        "unreadable checkpoint",
    ),
    "words before a signature": (
        replaced("checkpoint", "— jari", "x— jari"), "unreadable checkpoint",
    ),
    "a page of the first number": (lambda g: g | {"ticket": g["ticket"] | {"entry": 0}}, "other"),
    "words before an index": (replaced("proof", "index ", "x index "), "unreadable proof"),
    "words behind an index": (replaced("proof", "index 2", "index 2 x"), "unreadable proof"),
    "words before the extra": (replaced("proof", "extra ", "x extra "), "unreadable proof"),
    "bytes that are no text": (
        proof(extra=lambda p: p.extra[:-1] + b', "x": "\xff"}'), "unreadable proof",
    ),
    "words behind the extra": (words_behind_the_extra, "unreadable proof"),
    "words before a leaf": (extra(leaf=lambda e: "x" + e["leaf"]), "unreadable proof"),
    "words behind a leaf": (extra(leaf=lambda e: e["leaf"] + "x"), "unreadable proof"),
    "a dash that is none": (replaced("checkpoint", "— ", "- "), "unreadable checkpoint"),
    "a name with a plus": (replaced("checkpoint", "— j", "— +"), "unreadable checkpoint"),
    "signed by nobody": (checkpoint(note_of(*WITNESSES, by=OTHER)), "unsigned"),
    "signed over another text": (
        checkpoint(Note(NOTE.text, (LOG.sign("another\n"), *NOTE.signatures[1:]))), "signature",
    ),
    "signed by two keys": (
        checkpoint(Note(NOTE.text, (OTHER.sign(NOTE.text), *NOTE.signatures))), OK,
    ),
    "cosigned by a stranger too": (checkpoint(note_of(*WITNESSES[:2], STRANGER)), OK),
    "cosigned by one": (checkpoint(note_of(WITNESSES[2])), "quorum"),
    "cosigned by nobody": (checkpoint(note_of()), "quorum"),
    "cosigned over another text": (
        checkpoint(note_of(*WITNESSES[:2], text="another\n")), "signature",
    ),
    "cosigned at another time": (
        checkpoint(
            str(note_of(*WITNESSES[:2])).replace(
                NOTE.signatures[1].line(),
                type(NOTE.signatures[1])(
                    NOTE.signatures[1].name, NOTE.signatures[1].key_id,
                    (TIME + 1).to_bytes(8) + NOTE.signatures[1].value[8:],
                ).line(),
            )
        ),
        "signature",
    ),
    "another root, well signed": (
        checkpoint(note_of(*WITNESSES[:2], root=bytes(32)), everywhere=False), "fork",
    ),
    "another root in the proof too": (
        checkpoint(note_of(*WITNESSES[:2], root=bytes(32))), "log",
    ),
    # Policy
    "a group of all": (policy("group G all W1 W2", "quorum G"), OK),
    "a group of all with one away": (policy("group G all W1 W3", "quorum G"), "quorum"),
    "a group of any": (policy("group G any W2 W3", "quorum G"), OK),
    "a group of any with all away": (policy("group G any W3", "quorum G"), "quorum"),
    "a group in a group": (
        policy("group G any W1 W3", "group H all G W2", "quorum H"), OK,
    ),
    "a group in a group with one away": (
        policy("group G all W1 W3", "group H any G W3", "quorum H"), "quorum",
    ),
    "one witness": (policy("quorum W2"), OK),
    "one witness who is away": (policy("quorum W3"), "quorum"),
    "no witness": (policy("quorum none"), OK),
    "tabs and comments": (policy("#x", "\tgroup  G 2\tW1 W2 ", "  quorum\tG"), OK),
    "no quorum": (policy("group G 2 W1 W2"), "unreadable policy"),
    "an unknown quorum": (policy("quorum X"), "unreadable policy"),
    "an unknown member": (policy("group G 1 W1 X", "quorum G"), "unreadable checkpoint"),
    "a count that is none": (policy("group G 02 W1 W2", "quorum G"), "unreadable checkpoint"),
    "an unknown line": (policy("quorum none", "more x"), "unreadable policy"),
    "a key twice": (
        policy(f"witness W4 {WITNESSES[0].verifier}", "quorum none"), "unreadable policy",
    ),
    "a key whose id is another's": (
        replaced("policy", LOG.verifier.key_id.hex(), "00000000"), "unreadable policy",
    ),
    "a key of another length": (
        lambda g: g | {"policy": f"log {short_key()}\nquorum none\n"}, "unreadable policy",
    ),
    "a log of another name alone": (
        lambda g: g | {"policy": f"log {other_key('other.example/log')}\nquorum none\n"},
        "unsigned",
    ),
    "a log with a key of an unknown kind": (
        lambda g: g | {"policy": f"log {unknown_kind()}\nquorum none\n"}, "unsigned",
    ),
    "signed by a key of an unknown kind": (
        lambda g: checkpoint(note_of(by=Signer(ORIGIN, sha256(b"log").digest(), 6)))(g)
        | {"policy": f"log {unknown_kind()}\nquorum none\n"},
        "unreadable policy",
    ),
    "a page": (lambda g: g | {"policy": "<html>"}, "unreadable policy"),
    "words before a key": (replaced("policy", "log jari", "log x+jari"), "unreadable policy"),
    # Proof
    "another ticket": (lambda g: g | {"ticket": g["ticket"] | {"id": str(UUID(int=1))}}, "other"),
    "another room": (lambda g: g | {"ticket": g["ticket"] | {"room": "busan"}}, "other"),
    "another entry": (lambda g: g | {"ticket": g["ticket"] | {"entry": 12}}, "other"),
    "the proof of another": (lambda g: g | {"proof": str(THE_LOG.proof(NOTE, 14))}, "other"),
    "an entry with a zero before it": (
        extra(leaf=lambda e: e["leaf"].replace(",13,", ",013,")), "unreadable proof",
    ),
    "a leaf that is none": (extra(leaf=lambda e: "act"), "unreadable proof"),
    "another position": (extra(index=lambda e: e["index"] + 1), "page"),
    "a position behind the end": (extra(index=lambda e: 6), "page"),
    "a position before the start": (extra(index=lambda e: -1), "unreadable proof"),
    "a position in between": (extra(index=lambda e: 2.5), "unreadable proof"),
    "a path that is too short": (extra(page_path=lambda e: e["page_path"][:-1]), "page"),
    "a path that is too long": (extra(page_path=lambda e: [*e["page_path"], "00" * 32]), "page"),
    "a path in another order": (extra(page_path=lambda e: e["page_path"][::-1]), "page"),
    "a step that is no hash": (extra(page_path=lambda e: ["00" * 31]), "unreadable proof"),
    "a page's root": (extra(page=page_with("root", "00" * 32)), "page"),
    "a page's number": (extra(page=page_with("number", 4)), "page"),
    "how many tickets": (extra(page=page_with("tickets", 9)), "page"),
    "how many acts": (extra(page=page_with("acts", -1)), "unreadable proof"),
    "a page's other words": (
        extra(page=lambda e: e["page"].replace('"upto":15', '"upto":16')), "log",
    ),
    "another index": (proof(index=lambda p: p.index + 1), "page"),
    "a step": (proof(steps=lambda p: [bytes(32), *p.steps[1:]]), "log"),
    "steps in another order": (proof(steps=lambda p: p.steps[::-1]), "log"),
    "a step less": (proof(steps=lambda p: p.steps[1:]), "log"),
    "a step more": (proof(steps=lambda p: [*p.steps, bytes(32)]), "log"),
    "how many numbers": (extra(last=lambda e: e["last"].replace('"upto":35', '"upto":99')), "last"),
    "the last page's path": (extra(last_path=lambda e: e["last_path"][:-1]), "last"),
    "a time that is no number": (
        extra(last=lambda e: json.dumps(json.loads(e["last"]) | {"at": "x"})), "last",
    ),
    "a proof that is cut off": (lambda g: g | {"proof": g["proof"][:300]}, "unreadable proof"),
    "a proof of another format": (replaced("proof", "@v1", "@v2"), "unreadable proof"),
    "a proof without an index": (replaced("proof", "index ", "at "), "unreadable proof"),
    "an index with a zero before it": (
        replaced("proof", "index 2", "index 02"), "unreadable proof",
    ),
    "a proof without its extra": (replaced("proof", "extra ", "more "), "unreadable proof"),
    "a proof that is a page": (lambda g: g | {"proof": "<html>"}, "unreadable proof"),
}  # fmt: skip


def rootless() -> dict[str, str]:
    """A checkpoint of nothing, and a proof whose ways are too short to lead to anything."""
    note = note_of(*WITNESSES[:2], root=b"")
    made = THE_LOG.proof(note)
    text = json.dumps(json.loads(made.extra) | {"last_path": []})
    made = Proof(made.index, [], note, text.encode())
    return {"checkpoint": str(note), "proof": str(made)}


def unknown_kind() -> str:
    return str(Signer(ORIGIN, sha256(b"log").digest(), 6).verifier)


def short_key() -> str:
    """A key of 31 bytes, whose id is right."""
    value = bytes([1]) + bytes(31)
    key_id = sha256(ORIGIN.encode() + b"\n" + value).digest()[:4].hex()
    return f"{ORIGIN}+{key_id}+{base64.b64encode(value).decode()}"


JUDGE = """
async (cases) => {
  const { checkCheckpoint, checkProof, Wrong } = await import('/tlog.js');
  const answers = [];
  const { importKey } = SubtleCrypto.prototype;
  for (const given of cases) {
    const blind = () => Promise.reject(new DOMException("", "NotSupportedError"));
    SubtleCrypto.prototype.importKey = given.blind ? blind : importKey;
    try {
      const { note, signatures, seen } = await checkCheckpoint(given);
      const found = await checkProof({ ...given, note });
      answers.push(["ok", { signatures, found, seen }]);
    } catch (error) {
      const what = error.values?.what;
      const code = error instanceof Wrong ? error.code : `${error}`;
      answers.push([what ? `${code} ${what}` : code, null]);
    }
  }
  return answers;
}
"""


def wrong_answers(judge: Callable[[list[dict[str, Any]]], list[list[Any]]]) -> list[str]:
    """The names of the cases that were judged otherwise than they should be."""
    answers = judge([change(dict(GIVEN)) for change, _code in CASES.values()])
    wrong = []
    for (name, (_change, expected)), (code, result) in zip(CASES.items(), answers, strict=True):
        if code != expected or result != RESULTS.get(name, result):
            wrong.append(f"{name}: {code}, {result}")
    return wrong
