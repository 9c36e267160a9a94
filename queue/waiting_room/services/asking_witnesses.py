"""Asking the witnesses of each room for their cosignatures: outside the tick, and bounded in time.

A witness that is slow, wrong or dead costs some seconds of a job, and the line nothing. What it
answers is checked before it is kept: right key, right log, right time (tlog.witnessing).
"""

import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import requests
import urllib3
from django.conf import settings
from django.db.models import F, Q

from database.clock import database_now
from outside.dependencies import TookTooLong, dependency
from waiting_room import merkle
from waiting_room.enums import RoomStatus
from waiting_room.models import AskedWitness, Cosignature, LogPage, Room
from waiting_room.services.log_keys import origin_of, signers_of
from waiting_room.services.log_pages import read_nodes
from waiting_room.services.witnessed import witnesses_of
from waiting_room.tlog.checkpoints import Checkpoint
from waiting_room.tlog.notes import Note, Signature, timestamp_of
from waiting_room.tlog.witnessing import (
    MOST_ANSWER_BYTES,
    MOST_WITNESSES,
    BadAnswer,
    Behind,
    Trouble,
    Witness,
    cosignature_in,
    request,
)

log = logging.getLogger(__name__)

# How often a log that grows is cosigned, and while the line waits for it.
USUAL, WAITED_FOR = timedelta(seconds=5), timedelta(seconds=1)
# After a failure a witness rests, twice as long each time; less while the line waits for it.
FIRST_REST, LONGEST_REST, REST_WAITED_FOR = 5, 300, 5
SECONDS = 3.0  # for one answer, whatever the witness sends
SECONDS_IN_ALL = 4.0  # after so long no further room is asked for
CONNECT_READ = (1.0, 2.0)  # of each step of the connection
# Logs of rooms that are over are still cosigned for so long.
AFTERWARDS = timedelta(days=1)


@dataclass
class Question:
    """One checkpoint of one room, for one witness."""

    asked: AskedWitness
    witness: Witness
    checkpoint: Note
    size: int
    old: int = 0
    body: bytes = b""
    answer: tuple[int, str, bytes] | None = None
    trouble: Trouble | None = None
    why: str = ""
    signature: Signature | None = None


def ask_witnesses() -> int:
    """One round over all rooms; how many cosignatures came."""
    now = database_now()
    rooms = Room.objects.exclude(witnesses="").filter(cohort__closes_at__gt=now - AFTERWARDS)
    # In one breath for all rooms, so that a witness that hangs costs its seconds once.
    waited_for_first = sorted(
        rooms.select_related("cohort"), key=lambda room: (not room.awaits_witnesses, room.pk)
    )
    questions = [question for room in waited_for_first for question in _due(room, now)]
    if not questions:
        return 0
    _ask(questions)
    # A witness behind the size recorded here names its own, and is asked once more from there.
    _ask([question for question in questions if _is_worth_another(question)])
    return sum(_keep(question) for question in questions if question.trouble or question.signature)


def _due(room: Room, now: datetime) -> list[Question]:
    """The witnesses of a room that have not seen its log as it stands, and may be asked now."""
    last = room.pages.order_by("-number").first()
    if last is None:
        return []
    # No address but one that the settings name is ever asked, whatever the table says.
    configured = {str(witness.verifier): witness for witness in settings.WITNESSES}
    planned = {str(witness.verifier) for witness in witnesses_of(room)}
    witnesses = {vkey: configured[vkey] for vkey in planned & configured.keys()}
    recorded = {asked.vkey: asked for asked in room.asked_witnesses.all()}
    missing = [AskedWitness(room=room, vkey=vkey) for vkey in witnesses.keys() - recorded.keys()]
    if missing:
        AskedWitness.objects.bulk_create(missing, ignore_conflicts=True)
        recorded = {asked.vkey: asked for asked in room.asked_witnesses.all()}
    room.asked_witnesses.filter(vkey__in=recorded.keys() - planned).delete()
    behind = [
        recorded[vkey]
        for vkey in witnesses
        if recorded[vkey].size < last.number or recorded[vkey].trouble
    ]
    claimed = [asked for asked in behind if _claim(room, asked, now)]
    if not claimed:
        return []
    checkpoint = _checkpoint(room, last)
    return [
        Question(asked, witnesses[asked.vkey], checkpoint, last.number, old=asked.size)
        for asked in claimed
    ]


def _claim(room: Room, asked: AskedWitness, now: datetime) -> bool:
    """Whether this job is the one that asks now: another one of the same second finds it taken."""
    wait = _wait(room, asked)
    due = Q(asked_at=None) | Q(asked_at__lte=now - wait)
    claimed = AskedWitness.objects.filter(due, pk=asked.pk).update(asked_at=now)
    return bool(claimed)


def _wait(room: Room, asked: AskedWitness) -> timedelta:
    waited_for = room.awaits_witnesses and room.status != RoomStatus.CLOSED
    if not asked.failures:
        return WAITED_FOR if waited_for else USUAL
    seconds = min(FIRST_REST * 2 ** min(asked.failures - 1, 10), LONGEST_REST)
    return timedelta(seconds=min(seconds, REST_WAITED_FOR) if waited_for else seconds)


def _checkpoint(room: Room, page: LogPage) -> Note:
    code = room.cohort.code
    checkpoint = Checkpoint(origin_of(code), page.number, bytes.fromhex(page.log_root))
    return checkpoint.signed_by(signers_of(code))


def _ask(questions: Iterable[Question]) -> None:
    """Send what is to be sent, to all witnesses at once and to each one room after the other."""
    ready = [question for question in questions if _prepare(question)]
    by_witness: dict[str, list[Question]] = {}
    for question in ready:
        by_witness.setdefault(question.witness.url, []).append(question)
    if by_witness:
        with ThreadPoolExecutor(max_workers=min(len(by_witness), MOST_WITNESSES)) as threads:
            list(threads.map(_send_all, by_witness.values()))
    for question in ready:
        _read(question)


def _prepare(question: Question) -> bool:
    """Write the request; False if the witness has seen more than our log holds."""
    if question.old > question.size:
        question.trouble = Trouble.AHEAD
        question.why = f"it has cosigned {question.old} pages, and the log has {question.size}"
        return False
    read = read_nodes(question.asked.room_id)
    proof = merkle.consistency_path(question.old, question.size, read) if question.old else []
    question.body = request(question.old, proof, question.checkpoint)
    question.trouble, question.answer = None, None
    return True


def _send_all(questions: list[Question]) -> None:
    """In a thread of its own, without the database; witnesses left over are asked next time."""
    until = time.monotonic() + SECONDS_IN_ALL
    with requests.Session() as session:
        for question in questions:
            if time.monotonic() > until or not _send(question, session):
                return


def _send(question: Question, session: requests.Session) -> bool:
    """Whether the witness answered at all."""
    asked = dependency(f"witness {question.witness.url}")
    try:
        question.answer = asked.call(
            lambda: _post(question, session), seconds=SECONDS, timeouts=(requests.Timeout,)
        )
    except TookTooLong as error:
        question.trouble, question.why = Trouble.SLOW, str(error)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        question.trouble, question.why = Trouble.AWAY, type(error).__name__
    return question.answer is not None


def _post(question: Question, session: requests.Session) -> tuple[int, str, bytes]:
    with session.post(
        f"{question.witness.url}/add-checkpoint",
        data=question.body,
        headers={"Content-Type": "text/plain; charset=utf-8", "Accept-Encoding": "identity"},
        timeout=CONNECT_READ,
        allow_redirects=False,
        stream=True,
    ) as answer:
        content = answer.raw.read(MOST_ANSWER_BYTES + 1, decode_content=False)
        return answer.status_code, answer.headers.get("Content-Type", ""), content


def _read(question: Question) -> None:
    if question.answer is None:
        return
    status, kind, body = question.answer
    try:
        question.signature = cosignature_in(
            status,
            kind,
            body,
            witness=question.witness,
            checkpoint=question.checkpoint,
            now=int(database_now().timestamp()),
        )
    except Behind as behind:
        question.trouble, question.why = Trouble.NO_ANSWER, str(behind)
        question.old, question.answer = behind.size, None
    except BadAnswer as bad:
        question.trouble, question.why = bad.trouble, str(bad)


def _is_worth_another(question: Question) -> bool:
    """Whether the witness named another size than the one we thought it had."""
    return (
        question.signature is None
        and question.trouble == Trouble.NO_ANSWER
        and question.old != question.asked.size
    )


def _keep(question: Question) -> bool:
    """Write down what came of a question; True if it was a cosignature."""
    asked = AskedWitness.objects.filter(pk=question.asked.pk)
    if question.signature is None:
        trouble = question.trouble or Trouble.NO_ANSWER
        level = logging.ERROR if trouble in _ALARMS else logging.WARNING
        if question.asked.trouble != trouble:
            log.log(
                level,
                "room %s: no cosignature by %s: %s",
                question.asked.room_id,
                question.witness.name,
                question.why,
            )
        asked.update(trouble=trouble, failures=F("failures") + 1)
        return False
    signed_at = datetime.fromtimestamp(timestamp_of(question.signature), UTC)
    Cosignature.objects.bulk_create(
        [
            Cosignature(
                room_id=question.asked.room_id,
                size=question.size,
                vkey=question.asked.vkey,
                signed_at=signed_at,
                line=question.signature.line().removesuffix("\n"),
            )
        ],
        ignore_conflicts=True,
    )
    asked.update(size=question.size, cosigned_at=signed_at, trouble="", failures=0)
    return True


# There is another history of this log elsewhere, or the database went back to an older one.
_ALARMS = {Trouble.AHEAD, Trouble.OTHER_HISTORY}
