"""Draws for the page's own check of the rule (static/jari/draw-rule.js), and what is wrong in
each."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from waiting_room import beacon, draw

SIGNATURE = (
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125"
    "e342b73a8dd2bacbe47e4b6b63ed5e39"
)
# Of round 1, as published.
FIRST = (
    "b55e7cb2d5c613ee0b2e28d6750aabbb78c39dcc96bd9d38c2c2e12198df9557"
    "1de8e8e402a0cc48871c7089a2b3af4b"
)
ROUND, NUMBER = 1000, sha256(bytes.fromhex(SIGNATURE)).hexdigest()
SECOND = 10**6
PUBLISHED = int(beacon.time_of(ROUND).timestamp()) * SECOND
CLOSED, DIGEST = PUBLISHED - 6 * SECOND, "cd" * 32
JOINED, PLANNED = CLOSED - 3600 * SECOND, CLOSED - 7200 * SECOND
SECRET = "0f" * 32
OFFICERS = {"Health office": "00" * 32, "Newspaper": "01" * 32}

Draw = dict[str, Any]
Change = Callable[[Draw], None]


def drawn(source: str = "drand", **plan: Any) -> Draw:
    """A draw as it should be, by its acts in the log."""
    inputs = {
        "drand": {"beacon": NUMBER},
        "sample": {"sample": "ab" * 32},
        "stated": {"stated": "4 = 8"},
        "officers": {f"officer {name}": secret for name, secret in OFFICERS.items()},
    }[source]
    rule: dict[str, Any] = {"source": source, "after": 6, "order": "draw", "opens_at": CLOSED}
    rule |= {"chain": beacon.QUICKNET} if source == "drand" else {}
    rule |= {"officers": len(OFFICERS)} if source == "officers" else {}
    commits = [commit(SECRET, "portal")]
    if source == "officers":
        commits += [commit(secret, name) for name, secret in OFFICERS.items()]
    reveal = {"act": "reveal", "at": PUBLISHED + SECOND, "page": 9, "source": source}
    if source == "drand":
        reveal |= {"round": ROUND, "signature": SIGNATURE}
    freeze = {"act": "freeze", "at": CLOSED, "page": 8, "count": 40, "digest": DIGEST}
    planned = {"act": "plan", "at": PLANNED, "late": False, **rule, **plan}
    given = {"acts": [*commits, planned, freeze, reveal], "joined": JOINED}
    return sown(given, inputs)


def commit(secret: str, by: str, at: int = PLANNED) -> Draw:
    hidden = draw.commitment(bytes.fromhex(secret))
    return {"act": "commit", "at": at, "late": False, "commitment": hidden, "by": by}


def sown(given: Draw, inputs: dict[str, str], portal: str | None = SECRET) -> Draw:
    """Seed and inputs made anew, and shown on the page as they are."""
    text = draw.inputs_of({**({"portal": portal} if portal else {}), **inputs})
    seed = draw.seed_from(bytes.fromhex(DIGEST), text).hex()
    act_of(given, "reveal").update(inputs=text, seed=seed)
    given["shown"] = {"seed": seed, "inputs": text, "digest": DIGEST, "count": 40}
    return given


def act_of(given: Draw, name: str) -> Draw:
    return next(act for act in given["acts"] if act["act"] == name)


def changed(name: str, source: str = "drand", **values: Any) -> Draw:
    given = drawn(source)
    act_of(given, name).update(values)
    return given


def without(name: str) -> Draw:
    given = drawn()
    given["acts"].remove(act_of(given, name))
    return given


def twice(name: str) -> Draw:
    given = drawn()
    given["acts"].append(dict(act_of(given, name)))
    return given


def planned_again(at: int, *, late: bool, **values: Any) -> Draw:
    given = drawn()
    plan = act_of(given, "plan")
    given["acts"].insert(2, {**plan, "at": at, "late": late, **values})
    return given


def with_inputs(inputs: dict[str, str], source: str = "drand", **values: Any) -> Draw:
    plan = values.pop("plan", {})
    given = sown(drawn(source, **plan), inputs)
    act_of(given, "reveal").update(values)
    return given


def shown(**values: Any) -> Draw:
    given = drawn()
    given["shown"] |= values
    return given


def committed_again(by: str, at: int, *, late: bool = False, source: str = "officers") -> Draw:
    given = drawn(source)
    given["acts"].insert(0, commit("ee" * 32, by, at) | {"late": late})
    return given


def one_officer_late(at: int, *, late: bool) -> Draw:
    given = drawn("officers")
    given["acts"][1].update(at=at, late=late)
    return given


def nobody_joined() -> Draw:
    given = drawn()
    given["joined"] = None  # which is no bound
    return given


def by_another_source() -> Draw:
    given = drawn()
    act_of(given, "reveal").update(source="stated")
    return given


def at_once() -> Draw:
    given = drawn("sample")
    act_of(given, "plan").pop("after")
    act_of(given, "reveal").update(at=CLOSED)
    return given


def before_the_first_round() -> Draw:
    """A list that was closed before the beacon began: its first round counts."""
    began = int(beacon.GENESIS.timestamp()) * SECOND
    given = drawn()
    act_of(given, "plan").update(opens_at=began - 100 * SECOND, at=0)
    act_of(given, "freeze").update(at=began - 100 * SECOND)
    act_of(given, "reveal").update(round=1, signature=FIRST, at=began)
    given["joined"] = began - 200 * SECOND
    return sown(given, {"beacon": sha256(bytes.fromhex(FIRST)).hexdigest()})


def published_as_it_was_closed() -> Draw:
    """The plan gives the number no seconds after the closing, and the closing was at its time."""
    given = drawn(after=0)
    act_of(given, "freeze").update(at=PUBLISHED)
    return given


def first_commit(**values: Any) -> Draw:
    """The portal's own commitment with other values; None takes one out."""
    given = drawn()
    commitment = act_of(given, "commit")
    commitment.update(values)
    for name in [name for name, value in values.items() if value is None]:
        del commitment[name]
    return given


BEACON = {"beacon": NUMBER}
ONE = {"officer Newspaper": OFFICERS["Newspaper"]}
STATEMENT = {"statement": "Lotto"}
PATIENCE_OVER = CLOSED + 606 * SECOND
CASES: dict[str, tuple[Draw, list[str]]] = {
    "a beacon": (drawn(), []),
    "officers": (drawn("officers"), []),
    "a stated value": (drawn("stated", statement="Lotto"), []),
    "a sample": (drawn("sample"), []),
    "no plan": (without("plan"), ["missing"]),
    "no closing": (without("freeze"), ["missing"]),
    "no draw": (without("reveal"), ["missing"]),
    "closed twice": (twice("freeze"), ["twice"]),
    "drawn twice": (twice("reveal"), ["twice"]),
    "no commitment": (without("commit"), ["secret", "source"]),
    "a commitment that names nobody": (first_commit(by=None), []),
    "the portal's commitment after joining": (first_commit(at=JOINED + 1, late=True), []),
    "a number published as the list was closed": (published_as_it_was_closed(), []),
    "closed before the opening": (changed("plan", opens_at=CLOSED + 1), ["opening"]),
    "planned after joining": (changed("plan", at=JOINED + 1), ["changed"]),
    "planned as the first joined": (changed("plan", at=JOINED), []),
    "planned on a later page": (changed("plan", late=True), ["changed"]),
    "planned again before joining": (planned_again(PLANNED + 1, late=False, after=6), []),
    "another rule after joining": (
        planned_again(JOINED + 1, late=True, quorum=2), ["changed"],
    ),
    "another rule, dated back": (planned_again(PLANNED, late=True, wait=60), ["changed"]),
    **{
        f"another {key} after joining": (
            planned_again(JOINED + 1, late=True, **{key: "other"}), codes,
        )
        for key, codes in {
            "order": ["changed"], "source": ["changed", "source"],
            "after": ["changed", "known", "round"],
            "chain": ["changed", "chain"], "officers": ["changed"], "statement": ["changed"],
            "witnesses": ["changed"], "quorum": ["changed"], "wait": ["changed"],
        }.items()
    },
    "before the first round of all": (before_the_first_round(), []),
    "another opening after joining": (
        planned_again(JOINED + 1, late=True, opens_at=CLOSED - 1), [],
    ),
    "the same plan after the closing": (planned_again(CLOSED + 1, late=True), ["changed"]),
    "the same plan at the closing": (planned_again(CLOSED, late=True), []),
    "at once, by a plan without a time": (at_once(), []),
    "a sample in the place of a beacon": (with_inputs({"sample": "ab" * 32}), ["source"]),
    "another chain": (changed("plan", chain="ab" * 32), ["chain"]),
    "no chain": (changed("plan", chain=None), ["chain"]),
    "a round before": (changed("reveal", round=ROUND - 1), ["round"]),
    "a round after": (changed("reveal", round=ROUND + 1, at=PUBLISHED + 9 * SECOND), ["round"]),
    "a round that did not exist": (changed("reveal", round=ROUND + 1), ["round", "known"]),
    "a later time in the plan": (changed("plan", after=9), ["known", "round"]),
    "a number from before the closing": (
        changed("plan", after=-6), ["known", "round"],
    ),
    "another signature": (changed("reveal", signature=SIGNATURE[:-2] + "38"), ["signature"]),
    "another number": (with_inputs({"beacon": "ab" * 32}), ["signature"]),
    "in the page of the closing": (changed("reveal", page=8), ["known"]),
    "in a page before it": (changed("reveal", page=7), ["known"]),
    "before the number was due": (changed("reveal", at=PUBLISHED - 1), ["known"]),
    "as the number came": (changed("reveal", at=PUBLISHED), []),
    "by another source": (by_another_source(), ["source"]),
    "one more thing": (with_inputs({**BEACON, "luck": "7"}), ["source"]),
    "nothing at all": (with_inputs({}), ["source"]),
    "a value that no plan names": (with_inputs({"stated": "7"}), ["source"]),
    "a value in time": (
        with_inputs({"stated": "7"}, plan=STATEMENT, at=PATIENCE_OVER), [],
    ),
    "a value too early": (
        with_inputs({"stated": "7"}, plan=STATEMENT, at=PATIENCE_OVER - 1), ["source"],
    ),
    "a stated value that no plan names": (
        with_inputs({"stated": "7"}, "stated"), ["source"],
    ),
    "an officer who withholds": (with_inputs(ONE, "officers"), ["source"]),
    "an officer who withholds, and the way out": (
        with_inputs({**ONE, "stated": "7"}, "officers", plan=STATEMENT, at=PATIENCE_OVER), [],
    ),
    "an officer's other secret": (
        with_inputs({f"officer {name}": "ff" * 32 for name in OFFICERS}, "officers"), ["secret"],
    ),
    "a made-up officer": (
        with_inputs({"officer Nobody": "02" * 32, **ONE}, "officers"), ["source"],
    ),
    "fewer officers than planned": (changed("plan", "officers", officers=3), ["source"]),
    "a secret that was exchanged": (
        sown(drawn(), BEACON, portal="ff" * 32), ["secret"],
    ),
    "no secret of the portal": (sown(drawn(), BEACON, portal=None), ["secret"]),
    "a commitment that was exchanged": (committed_again("portal", PLANNED), ["secret"]),
    "an officer's that was exchanged": (committed_again("Newspaper", PLANNED), ["secret"]),
    "an officer who committed late": (one_officer_late(JOINED + 1, late=False), ["secret"]),
    "an officer on a later page": (one_officer_late(PLANNED, late=True), ["secret"]),
    "an officer as the first joined": (one_officer_late(JOINED, late=False), []),
    "another seed": (changed("reveal", seed="00" * 32), ["seed"]),
    "another seed on the page": (shown(seed="00" * 32), ["seed"]),
    "other inputs on the page": (shown(inputs="x"), ["seed"]),
    "another digest on the page": (shown(digest="00" * 32), ["seed"]),
    "another count on the page": (shown(count=41), ["seed"]),
    "another digest in the log": (
        changed("freeze", digest="00" * 32) | {"shown": drawn()["shown"] | {"digest": "00" * 32}},
        ["seed"],
    ),
}  # fmt: skip

JUDGE = """
async (cases) => {
  const { wrongs } = await import('/draw-rule.js');
  return cases.map((given) => {
    try {
      return wrongs({ ...given, joined: given.joined ?? Infinity });
    } catch (error) {
      return [`${error}`];
    }
  });
}
"""


def wrong_answers(judge: Callable[[list[Draw]], list[list[str]]]) -> list[str]:
    """The names of the cases that were judged otherwise than they should be."""
    answers = judge([given for given, _codes in CASES.values()])
    return [
        f"{name}: {answer}"
        for (name, (_given, codes)), answer in zip(CASES.items(), answers, strict=True)
        if answer is None or sorted(map(str, answer)) != sorted(codes)
    ]
