"""How long a phone's browser works to check one ticket's proof: static/jari/tlog.js in Chromium.

    python -m bench.page_check

The log is that of a room of a million: 66,000 pages, the ticket's page full, three witnesses. The
processor is slowed down four and six times, as Chromium's developer tools do for a phone. Promised:
under 100 ms of script: Chromium's own TaskDuration of the page's thread, in a page that has run
nothing yet, less that of a page whose check does nothing, in turns. The time from the click to the
answer is printed beside it, without network.
"""

import hashlib
import json
import statistics
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from playwright.sync_api import BrowserContext, CDPSession, sync_playwright

import config  # noqa: F401  (puts queue/ on the path)
from launcher.browser import find_chromium
from waiting_room import merkle, public_log
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import COSIGNATURE, Note, Signer
from waiting_room.tlog.proofs import Proof

SCRIPTS = Path(__file__).parent.parent / "static" / "jari"
PAGES, AMONG, RUNS = 66_000, 40_000, 9
ROOM, ORIGIN = "seoul-60s", "jari.example.kr/queue/seoul-60s/log"
START = datetime(2027, 4, 14, 11, tzinfo=UTC)
# Loading a page, its modules and the answer's way out of it cost without any check.
NOTHING = f"""
export const checkCheckpoint = async () => ({{ note: null }});
export const checkProof = async () => ({{ numbers: {PAGES * 16} }});
"""
CHECK = """
async (given) => {
  const { checkCheckpoint, checkProof } = await import('/tlog.js');
  const started = performance.now();
  const { note } = await checkCheckpoint(given);
  const found = await checkProof({ ...given, note });
  return [performance.now() - started, found.numbers];
}
"""


def main() -> None:
    given = a_million()
    print(f"proof {len(given['proof']):,} bytes, checkpoint {len(given['checkpoint']):,}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        for slower in (1, 4, 6):
            times, idle = [], []
            for _ in range(RUNS):
                times.append(timed(browser.new_context(), slower, given))
                idle.append(timed(browser.new_context(), slower, given, script=NOTHING)[0])
            report(slower, times, statistics.median(idle))
        browser.close()


def report(slower: int, times: list[tuple[float, float]], idle: float) -> None:
    """One line: the median and the worst of the script, and of the time until the answer."""
    script = statistics.median(work for work, _until_answer in times) - idle
    until_answer = statistics.median(until_answer for _work, until_answer in times)
    verdict = "kept" if script < 100 else "BROKEN"
    print(
        f"processor {slower} times slower: {script:.0f} ms of script (promised 100, {verdict}), "
        f"worst {max(times)[0] - idle:.0f}, in a page that takes {idle:.0f} ms without it; "
        f"{until_answer:.0f} ms until the answer"
    )


def timed(
    context: BrowserContext, slower: int, given: Mapping[str, object], script: str = ""
) -> tuple[float, float]:
    """Milliseconds of work, and until the answer, in a page that is new; of another `script`."""
    page = "<!doctype html>"
    context.route("http://localhost/", lambda r: r.fulfill(body=page, content_type="text/html"))
    context.route(
        "http://localhost/*.js",
        lambda route: route.fulfill(
            path=SCRIPTS / route.request.url.rsplit("/", 1)[1],
            content_type="text/javascript",
        ),
    )
    if script:
        context.route(
            "http://localhost/tlog.js",
            lambda route: route.fulfill(body=script, content_type="text/javascript"),
        )
    opened = context.new_page()
    opened.goto("http://localhost/")
    session = context.new_cdp_session(opened)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = worked(session)
    milliseconds, numbers = opened.evaluate(CHECK, given)
    work = worked(session) - before
    if numbers != PAGES * 16:
        raise SystemExit(f"The check says {numbers} numbers.")
    context.close()
    return work, float(milliseconds)


def worked(session: CDPSession) -> float:
    """Milliseconds that the page's thread has worked so far."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


def a_million() -> dict[str, object]:
    """Checkpoint, policy and proof as a room of a million people has them."""
    ticket = UUID(int=7)
    leaves = [
        public_log.leaf_for_ticket(ROOM, entry, START, public_log.ticket_hash(UUID(int=entry)))
        for entry in range(1, public_log.PAGE_TICKETS + 1)
    ]
    stored: dict[int, bytes] = {}

    def read(numbers: set[int]) -> Mapping[int, bytes]:
        return {number: stored[number] for number in numbers}

    records: dict[int, bytes] = {}
    for number in range(1, PAGES + 1):
        tickets = len(leaves) if number == AMONG else 16
        page = public_log.Page(
            room=ROOM, number=number, previous="", after=0, upto=number * 16, tickets=tickets,
            acts=0, at=public_log.microseconds(START), root="",
        )  # fmt: skip
        if number == AMONG:
            page = public_log.Page(**vars(page) | {"root": public_log.page_root(leaves)})
        if number in (AMONG, PAGES):
            records[number] = page.record()
        stored[number] = merkle.nodes_ending_with(number, page.leaf_hash(), read)
    hashes = [merkle.leaf_hash(leaf) for leaf in leaves]
    extra = {
        "leaf": leaves[6].decode(), "index": 6, "page": records[AMONG].decode(),
        "page_path": [step.hex() for step in merkle.path(hashes, 6)],
        "last": records[PAGES].decode(),
        "last_path": [step.hex() for step in merkle.log_path(PAGES, PAGES, read)],
    }  # fmt: skip
    note, policy = signed(Checkpoint(ORIGIN, PAGES, merkle.log_root(PAGES, read)))
    steps = merkle.log_path(AMONG, PAGES, read)
    proof = Proof(AMONG - 1, steps, note, json.dumps(extra).encode())
    return {
        "checkpoint": str(note), "policy": policy, "proof": str(proof), "origin": ORIGIN,
        "ticket": {"id": str(ticket), "room": ROOM, "entry": 7}, "before": None,
    }  # fmt: skip


def signed(checkpoint: Checkpoint) -> tuple[Note, str]:
    """The checkpoint with three cosignatures, and the policy that names who made them."""
    log = Signer(ORIGIN, hashlib.sha256(b"log").digest())
    witnesses = [Signer(f"witness{n}.example", bytes([n]) * 32, COSIGNATURE) for n in (1, 2, 3)]
    note = checkpoint.signed_by([log])
    cosigned = tuple(witness.cosign(note.text, timestamp=1_800_000_000) for witness in witnesses)
    lines = [f"witness W{n} {witness.verifier}" for n, witness in enumerate(witnesses, start=1)]
    policy = "\n".join([f"log {log.verifier}", *lines, "group G 2 W1 W2 W3", "quorum G", ""])
    return Note(note.text, note.signatures + cosigned), policy


if __name__ == "__main__":
    main()
