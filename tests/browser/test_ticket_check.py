"""The ticket page checks its own proof: what it says of a right one, and of each forgery."""

import json
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
import requests
from playwright.sync_api import expect

from tests.eligibility.signing_in import sign_in_context
from tests.waiting_room.scene import join, make_room, tick
from waiting_room.models import Ticket
from waiting_room.now_cache import NowCache
from waiting_room.offline import verify_line
from waiting_room.public_log import ticket_hash
from waiting_room.services.log_files import origin_of, proof_of, signers_of
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import COSIGNATURE, Note, Signer
from waiting_room.tlog.proofs import Proof

WITNESSES = [Signer(f"witness{n}.example", bytes([n]) * 32, COSIGNATURE) for n in (1, 2, 3)]


@pytest.fixture(autouse=True)
def _fresh(monkeypatch, settings, tmp_path):
    settings.HOME = tmp_path
    settings.PUBLIC_URL = "https://jari.example.kr"
    board = NowCache()
    monkeypatch.setattr("waiting_room.now_cache.documents", board)
    monkeypatch.setattr("waiting_room.views.documents", board)


@pytest.fixture
def shown(context, live_server) -> Callable[..., SimpleNamespace]:
    """The page of the third of five tickets, with what the network is to answer instead."""

    def show(*, language="en", context=context, **answers: Callable[[str], str]):
        room = make_room(max_active=1, max_per_minute=1)
        for _ in range(5):
            join(room)
            tick(room)
        ticket = Ticket.objects.select_related("room__cohort", "person").get(room=room, entry=3)
        sign_in_context(context, live_server.url, ticket.person_id)
        context.add_cookies([{"name": "jari_language", "value": language, "url": live_server.url}])
        page, said = context.new_page(), []
        page.set_extra_http_headers({"Accept-Language": language})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        for name, change in answers.items():
            forge(page, name, change)
        page.goto(f"{live_server.url}/queue/t/{ticket.pk}/")
        return SimpleNamespace(room=room, ticket=ticket, page=page, said=said, asked=asked)

    return show


ADDRESSES = {
    "proof": "**/ticket.tlog-proof?size=*",
    "checkpoint": "**/log/checkpoint",
    "policy": "**/log/policy",
}


def forge(page, name, change) -> None:
    def answer(route):
        response = route.fetch()
        route.fulfill(response=response, body=change(response.text()))

    page.route(ADDRESSES[name], answer)


def check(page) -> str:
    page.get_by_text("Check that nobody was moved").click()
    return verdict(page)


def check_again(page, **answers) -> str:
    """Once more, with other answers of the network for this time."""
    for name, change in answers.items():
        forge(page, name, change)
    page.locator("#check-again").click()
    said = verdict(page)
    for name in answers:
        page.unroute(ADDRESSES[name])
    return said


def verdict(page) -> str:
    expect(page.locator("#check-answer")).to_be_visible()
    expect(page.locator("#check-again")).to_be_enabled()
    return page.locator("#check-answer").text_content()


def key_of(signer: Signer) -> str:
    return signer.verifier.key_id.hex()


def test_a_right_proof_is_told_in_one_sentence_and_by_whom_it_is_signed(shown):
    it = shown()

    answer = check(it.page)

    code = it.room.cohort.code
    assert answer.startswith("Your ticket number 3 stands in the log of 5 numbers as of ")
    assert answer.endswith(f" Signed by {origin_of(code)} (key {key_of(signers_of(code)[0])}).")
    assert it.page.locator("#check-answer.is-success").is_visible()
    assert it.page.locator("[role=status]:has(> #check-answer)").count() == 1
    assert it.said == []


def test_it_is_told_in_korean_too(shown):
    it = shown(language="ko")

    it.page.get_by_text("순서가 바뀌지 않았는지 확인하기").click()

    assert verdict(it.page).startswith("내 접수 번호 3번이 5번까지 적힌 공개 기록에 들어 있습니다")


def test_it_checks_by_itself_once_and_without_the_persons_cookie(shown):
    it = shown()
    headers = []
    it.page.on(
        "request",
        lambda request: headers.append((request.url.rsplit("/", 1)[1], request.all_headers())),
    )
    opened = it.page.get_by_text("Check that nobody was moved")

    assert not [url for url in it.asked if "tlog" in url or "/log/" in url]
    check(it.page)
    opened.click()
    opened.click()

    public = [sent for name, sent in headers if name in ("checkpoint", "policy")]
    assert len(public) == 2
    assert not any("cookie" in sent for sent in public)
    it.page.locator("#check-again").click()
    verdict(it.page)
    assert len([url for url in it.asked if "tlog-proof" in url]) == 2


def changed_extra(**changes) -> Callable[[str], str]:
    def change(text):
        proof = Proof.parse(text)
        extra = json.loads(proof.extra)
        extra |= {name: made(extra) for name, made in changes.items()}
        return str(Proof(proof.index, proof.steps, proof.checkpoint, json.dumps(extra).encode()))

    return change


def changed_proof(**changes) -> Callable[[str], str]:
    def change(text):
        proof = Proof.parse(text)
        values = vars(proof) | {name: made(proof) for name, made in changes.items()}
        return str(Proof(**values))

    return change


FORGED_PROOFS = {
    "another number": (
        changed_extra(leaf=lambda extra: extra["leaf"].replace(",3,", ",2,")),
        "another ticket than yours",
    ),
    "another hash": (
        changed_extra(leaf=lambda extra: extra["leaf"][:-64] + "0" * 64),
        "another ticket than yours",
    ),
    "another time of joining": (
        changed_extra(leaf=lambda e: ",".join([*e["leaf"].split(",")[:3], "1", e["leaf"][-64:]])),
        "does not stand in the page",
    ),
    "another position": (
        changed_extra(index=lambda extra: extra["index"] + 1),
        "does not stand in the page",
    ),
    "a path in the page": (
        changed_extra(page_path=lambda _extra: ["00" * 32]),
        "does not stand in the page",
    ),
    "a page's root": (
        changed_extra(page=lambda e: json.dumps(json.loads(e["page"]) | {"root": "00" * 32})),
        "does not stand in the page",
    ),
    "a page's other words": (
        changed_extra(page=lambda extra: extra["page"].replace('"upto":3', '"upto":4')),
        "does not stand in the published log",
    ),
    "another index": (changed_proof(index=lambda p: p.index + 1), "does not stand in the page"),
    "a step": (
        changed_proof(steps=lambda p: [bytes(32), *p.steps[1:]]),
        "does not stand in the published log",
    ),
    "a step less": (changed_proof(steps=lambda p: p.steps[1:]), "not stand in the published log"),
    "steps in another order": (
        changed_proof(steps=lambda p: p.steps[::-1]),
        "does not stand in the published log",
    ),
    "how many there are": (
        changed_extra(last=lambda extra: extra["last"].replace('"upto":5', '"upto":9')),
        "How many numbers the log holds was not proven",
    ),
    "the last page's path": (
        changed_extra(last_path=lambda _extra: []),
        "How many numbers the log holds was not proven",
    ),
    "cut off": (lambda text: text[: len(text) // 2], "What came as the proof cannot be read"),
    "no proof": (lambda _text: "<html>", "What came as the proof cannot be read"),
    "of another state": (
        lambda text: text.replace(text.split("\n\n")[1].split("\n")[2], "A" * 43 + "="),
        "two logs of",
    ),
}


def test_the_proof_of_another_ticket_is_said(shown):
    it = shown()
    other = str(proof_of(Ticket.objects.select_related("room__cohort").get(entry=4)))
    check(it.page)

    assert "another ticket than yours" in check_again(it.page, proof=lambda _text: other)


def test_each_part_of_a_proof_that_is_forged_is_said(shown):
    it = shown()
    check(it.page)

    for how, (change, sentence) in FORGED_PROOFS.items():
        answer = check_again(it.page, proof=change)
        assert sentence in answer, how
        assert answer.endswith("Save the proof below and show it to somebody outside this portal.")
        assert it.page.locator("#check-answer.is-danger").is_visible()
    assert it.said == []


def resigned(signers=None, origin=None, **changes) -> Callable[[str], str]:
    def change(text):
        checkpoint = Checkpoint.of(Note.parse(text))
        values = vars(checkpoint) | {name: made(checkpoint) for name, made in changes.items()}
        values["origin"] = origin or values["origin"]
        code = checkpoint.origin.split("/")[2]
        keys = signers(code) if signers else signers_of(code)
        return str(Checkpoint(**values).signed_by(keys))

    return change


def wrong_signature(text: str) -> str:
    note = Note.parse(text)
    return f"{note.text}\n{Signer(note.signatures[0].name, bytes(32)).sign(note.text).line()}"


def swapped_signature(text: str) -> str:
    """A good signature, of another text."""
    note = Note.parse(text)
    code = Checkpoint.of(note).origin.split("/")[2]
    return f"{note.text}\n{signers_of(code)[0].sign('another text').line()}"


FORGED_CHECKPOINTS = {
    "another origin": (
        resigned(origin="evil.example/queue/x/log", signers=lambda _code: [WITNESSES[0]]),
        "that of another log: evil.example/queue/x/log",
    ),
    "another key": (wrong_signature, "No key of jari.example.kr/queue/"),
    "another signature": (swapped_signature, "The signature of jari.example.kr/queue/"),
    "no signature": (lambda text: text.partition("\n\n")[0], "signed state of the log cannot be"),
    "another root, well signed": (resigned(root=lambda _c: bytes(32)), "two logs of"),
    "cut off": (lambda text: text[:40], "the signed state of the log cannot be read"),
}


def test_each_part_of_a_checkpoint_that_is_forged_is_said(shown):
    it = shown()
    check(it.page)

    for how, (change, sentence) in FORGED_CHECKPOINTS.items():
        assert sentence in check_again(it.page, checkpoint=change), how
        assert it.page.locator("#check-answer.is-danger").is_visible()


def cosigned(*witnesses, spoil=False) -> Callable[[str], str]:
    def change(text):
        note = Note.parse(text)
        body = "another text" if spoil else note.text
        lines = "".join(one.cosign(body, timestamp=1_800_000_000).line() for one in witnesses)
        return f"{note}{lines}"

    return change


def witnessed(rule: str) -> Callable[[str], str]:
    lines = "".join(f"witness W{n} {one.verifier}\n" for n, one in enumerate(WITNESSES, start=1))
    return lambda text: text.replace("quorum none\n", f"{lines}{rule}\n")


TWO_OF_THREE = "group G 2 W1 W2 W3\nquorum G"


def test_cosignatures_are_counted(shown):
    it = shown(checkpoint=cosigned(*WITNESSES[:2]), policy=witnessed(TWO_OF_THREE))

    assert check(it.page).endswith("Cosigned by 2 of 3 witnesses.")


def test_too_few_cosignatures_are_said(shown):
    it = shown(checkpoint=cosigned(WITNESSES[2]), policy=witnessed(TWO_OF_THREE))

    assert check(it.page).startswith("Too few witnesses cosigned the log: 1 of 3.")


QUORUMS = [
    ("group G all W1 W2\nquorum G", (0, 1), True),
    ("group G all W1 W2\nquorum G", (0, 2), False),
    ("group G any W1 W2\nquorum G", (1,), True),
    ("group G any W1 W2\ngroup H all G W3\nquorum H", (1, 2), True),
    ("group G any W1 W2\ngroup H all G W3\nquorum H", (0, 1), False),
    ("quorum W3", (2,), True),
    ("quorum W3", (), False),
]


def test_the_quorum_of_the_policy_decides(shown):
    it = shown()
    check(it.page)

    for rule, signed, is_enough in QUORUMS:
        cosigners = cosigned(*[WITNESSES[n] for n in signed])
        answer = check_again(it.page, checkpoint=cosigners, policy=witnessed(rule))
        assert answer.startswith("Your ticket number 3" if is_enough else "Too few"), rule


def test_a_wrong_cosignature_is_said(shown):
    it = shown(
        checkpoint=cosigned(WITNESSES[0], spoil=True), policy=witnessed("group G any W1\nquorum G")
    )

    assert check(it.page).startswith("The signature of witness1.example is wrong.")


def test_a_policy_that_can_not_be_meant_is_said(shown):
    it = shown()
    check(it.page)
    twice = "".join(f"witness W{n} {WITNESSES[0].verifier}\n" for n in (1, 2))

    for change, sentence in [
        (lambda text: f"{text}{twice}", "What came as the list of keys cannot be read."),
        (lambda text: text.replace("log jari", "log jury"), "the list of keys cannot be read."),
        (lambda text: text.replace("quorum none", "quorum G"), "the list of keys cannot be read."),
        (lambda text: text.replace("quorum none", ""), "the list of keys cannot be read."),
        (lambda _text: "<html>", "the list of keys cannot be read."),
        (lambda _text: "quorum none\n", "No key of jari.example.kr/queue/"),
    ]:
        assert sentence in check_again(it.page, policy=change)


def test_an_older_log_than_was_seen_before_is_said(shown):
    it = shown()
    old = Proof.parse(str(proof_of(it.ticket))).checkpoint
    check(it.page)
    join(it.room)
    tick(it.room)
    it.page.locator("#check-again").click()
    assert "of 6 numbers" in verdict(it.page)

    answer = check_again(it.page, checkpoint=lambda _text: str(old))

    size = Checkpoint.of(old).size
    assert answer.startswith(f"The log has {size} pages now and had {size + 1} when this page")


def test_another_log_of_the_size_seen_before_is_said(shown):
    it = shown()
    check(it.page)

    forge(it.page, "checkpoint", resigned(root=lambda _c: bytes(32)))
    it.page.locator("#check-again").click()

    assert verdict(it.page).startswith("There are two logs of")


def test_a_ticket_that_is_not_published_yet_is_looked_for_again(shown):
    it = shown()
    first = it.room.pages.get(number=1)
    signed = Checkpoint(origin_of(it.room.cohort.code), 1, bytes.fromhex(first.log_root))
    forge(
        it.page,
        "checkpoint",
        lambda _text: str(signed.signed_by(signers_of(it.room.cohort.code))),
    )

    answer = check(it.page)

    assert answer == "Your ticket is not in the published log yet. Check again in a minute."
    assert len([url for url in it.asked if "tlog-proof" in url]) == 2


def test_without_a_connection_or_signed_out_it_says_so(shown, context):
    it = shown()
    check(it.page)
    context.set_offline(True)
    it.page.locator("#check-again").click()
    assert verdict(it.page).startswith("The proof could not be loaded.")
    context.set_offline(False)

    it.page.locator("#check-again").click()

    assert verdict(it.page).startswith("Your ticket number 3 stands")
    context.clear_cookies(name="jari_who")
    assert check_again(it.page) == (
        "You have been signed out, so your proof could not be loaded. Load this page again."
    )
    assert it.page.locator("#check-answer.is-warning").is_visible()


NO_ED25519 = """
const real = SubtleCrypto.prototype.importKey;
SubtleCrypto.prototype.importKey = function (form, key, kind, ...more) {
  if (kind === "Ed25519") return Promise.reject(new DOMException("", "NotSupportedError"));
  return real.call(this, form, key, kind, ...more);
};
"""
NO_WEBCRYPTO = "Object.defineProperty(Crypto.prototype, 'subtle', { value: undefined });"


@pytest.mark.parametrize("missing", [NO_ED25519, NO_WEBCRYPTO])
def test_a_browser_that_can_not_check_signatures_says_what_remains(shown, context, missing):
    context.add_init_script(missing)

    it = shown(checkpoint=cosigned(WITNESSES[0]), policy=witnessed("quorum W1"))
    answer = check(it.page)

    assert answer.startswith("Your ticket number 3 stands in the log of 5 numbers as of ")
    assert answer.endswith("Not checked: the signatures. This browser does not know Ed25519.")
    assert it.page.locator("#check-answer.is-warning").is_visible()


@pytest.mark.parametrize("missing", [NO_ED25519, NO_WEBCRYPTO])
def test_such_a_browser_still_finds_forged_hashes(shown, context, missing):
    context.add_init_script(missing)

    it = shown(proof=FORGED_PROOFS["a step"][0])

    assert "does not stand in the published log" in check(it.page)


def test_without_script_three_lines_check_the_whole_log(shown, browser, live_server, tmp_path):
    plain = browser.new_context(java_script_enabled=False)
    it = shown(context=plain)
    it.page.get_by_text("Check that nobody was moved").click()

    assert it.page.locator("#check-again").is_hidden()
    lines = it.page.locator(".jari-command").text_content().split("\n")
    for line in lines[:2]:
        address = line.split()[-1].replace("https://jari.example.kr", live_server.url)
        name = line.split()[2] if "-o" in line.split() else address.rsplit("/", 1)[1]
        (tmp_path / name).write_bytes(requests.get(address, timeout=30).content)
    program, *arguments = lines[2].split()
    assert (program, len(lines)) == ("python3", 3)
    done = subprocess.run(
        [sys.executable, "-I", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "The ticket is entry 3" in done.stdout
    assert "Everything is in order." in done.stdout
    plain.close()


def test_the_saved_proof_is_checked_offline_too(shown, live_server, tmp_path):
    it = shown()
    it.page.get_by_text("Check that nobody was moved").click()
    with it.page.expect_download() as saved:
        it.page.get_by_text("Save the proof that my place is in the log").click()
    log = tmp_path / "line.csv"
    code = it.room.cohort.code
    address = f"{live_server.url}/queue/{code}/log.csv"
    log.write_bytes(requests.get(address, timeout=30).content)

    assert saved.value.suggested_filename == "ticket.tlog-proof"
    assert ticket_hash(it.ticket.pk) in Proof.parse(saved.value.path().read_text()).extra.decode()
    assert verify_line.main([str(log), "--proof", str(saved.value.path())]) == 0


def test_after_the_line_is_closed_the_proof_can_still_be_checked(shown):
    it = shown()
    it.room.status = "closed"
    it.room.save(update_fields=["status"])
    it.page.reload()

    assert it.page.get_by_role("heading", name="This line is closed").is_visible()
    assert check(it.page).startswith("Your ticket number 3 stands")
