import logging
import time
from contextlib import suppress
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from redis import RedisError

from database.clock import Now, known_now
from messaging.background import in_background
from messaging.channels import deliver, resting_channels
from messaging.enums import DUE, Channel, MessageStatus
from messaging.exceptions import ChannelProblem, GatewaysRest
from messaging.hooks import Letter, letter_writers
from messaging.models import Message
from messaging.receivers import checked_receiver
from outside import jobs

log = logging.getLogger(__name__)

MOST_TRIES = 6
SWEEP_SECONDS = 15.0
WRITTEN_TOGETHER = 50
# Sent by a worker of their own, whatever else is sent, imported or exported.
CODE_KINDS = ["code"]
CODES_AT_ONCE = 200


def write_message(
    *,
    key: str,
    kind: str,
    channel: Channel,
    to: str,
    text: str,
    person_id: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
    urgent: bool = True,
) -> bool:
    """Write one message in the caller's transaction and ring for the worker once it commits.

    False when this key was written before: the same fact is told once. What is not urgent is
    left to the next sweep: a job for each of many bookings a second would hold up the codes.
    BadReceiver for what is no address; forms refuse it before, with an `EmailAddressField`.
    """
    checked_receiver(channel, to)
    message = Message(
        key=key,
        kind=kind,
        channel=channel,
        to=to,
        text=text,
        person_id=person_id,
        not_before=not_before,
        not_after=not_after,
    )
    pk = _insert_once(message)
    if pk is None:
        return False
    if urgent and (not_before is None or not_before <= known_now()):
        transaction.on_commit(partial(ring, pk, kind))
    return True


def _insert_once(message: Message) -> int | None:
    """One statement on the booking path; a repeated key does not break the transaction."""
    fields = [
        field
        for field in Message._meta.concrete_fields
        if not (field.primary_key or field.has_db_default())
    ]
    columns = ", ".join(connection.ops.quote_name(str(field.column)) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO messaging_message ({columns}) VALUES ({places})"  # noqa: S608
            " ON CONFLICT (key) DO NOTHING RETURNING id",
            [field.get_db_prep_save(field.pre_save(message, True), connection) for field in fields],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def ring(message_id: int, kind: str) -> None:
    """Ask the worker of this kind to send what is due; without Redis send it from this process,
    since a code must not wait, but not by this thread, which a hung gateway would hold."""
    try:
        if kind in CODE_KINDS:
            jobs.ring(jobs.CODES, "messaging.jobs.send_codes")
        else:
            jobs.ring(jobs.MESSAGES, "messaging.jobs.sweep")
    except RedisError:
        log.warning("redis is gone: message %s is sent by the web process", message_id)
        in_background(send_message, message_id)


@transaction.atomic
def send_message(message_id: int, letter: Letter | None = None) -> MessageStatus | None:
    """Send one message; None if somebody else is sending it or it is not waiting any more.

    `letter` is what a note says, where that is known. Otherwise it is written now.
    The row stays locked while the channel is asked, so that a job delivered twice sends once.
    Only this row: nothing else ever waits for a message.
    """
    message = (
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .annotate(now=Now())
        .filter(pk=message_id, status__in=DUE)
        .filter(Q(not_before=None) | Q(not_before__lte=Now()))
        .first()
    )
    if message is None:
        return None
    if message.not_after and message.not_after < message.now:
        message.status = MessageStatus.EXPIRED
    elif message.status == MessageStatus.WAITING or _write_out(message, letter):
        _deliver(message, message.now)
    message.save(update_fields=["status", "tries", "problem", "sent_at", "channel", "to", "text"])
    return MessageStatus(message.status)


def _write_out(message: Message, letter: Letter | None) -> bool:
    """Fill in who is told what; False where there is nobody to tell, or it went wrong."""
    try:
        with transaction.atomic():
            letter = letter or letter_writers[message.kind]([message.key]).get(message.key)
    except Exception as error:
        # One that can't be written must not hold up those behind it.
        log.exception("message %s could not be written", message.pk)
        _count_try(message, f"It could not be written: {type(error).__name__}.")
        return False
    if letter is None:
        message.status = MessageStatus.EXPIRED
        return False
    message.channel, message.to, message.text = letter
    message.status = MessageStatus.WAITING
    return True


def _deliver(message: Message, now: datetime) -> None:
    # As the constraint message_to_send_is_written has it.
    assert message.to is not None
    assert message.text is not None
    channel = Channel(message.channel)
    try:
        deliver(key=message.key, channel=channel, to=message.to, text=message.text)
    except GatewaysRest as rest:
        message.problem = str(rest)  # nobody was asked: no try is used up
    except ChannelProblem as problem:
        _count_try(message, str(problem))
    else:
        message.tries += 1
        message.status, message.sent_at, message.problem = MessageStatus.SENT, now, ""


def _count_try(message: Message, problem: str) -> None:
    message.tries += 1
    message.problem = problem[:200]
    if message.tries >= MOST_TRIES:
        message.status = MessageStatus.FAILED


@transaction.atomic
def try_again(*, message: Message) -> None:
    """Put a failed message back in line, as the operator asks for in the admin."""
    written = message.text is not None
    changed = Message.objects.filter(pk=message.pk, status=MessageStatus.FAILED).update(
        status=MessageStatus.WAITING if written else MessageStatus.UNWRITTEN, tries=0
    )
    if changed:
        transaction.on_commit(partial(ring, message.pk, message.kind))


def send_codes(*, seconds: float = SWEEP_SECONDS) -> int:
    """Send the codes that are due, those too that are asked for meanwhile; how many."""
    ends, sent = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        due = list(_due().filter(kind__in=CODE_KINDS).values_list("pk", flat=True)[:CODES_AT_ONCE])
        before = sent
        for pk in due:
            sent += send_message(pk) == MessageStatus.SENT
            if time.monotonic() >= ends:
                break
        if sent == before:  # none, or a channel that takes none: the next job tries again
            break
    return sent


def _due() -> QuerySet[Message]:
    """What is to be sent now, where somebody would take it; what is too late anyway is closed."""
    rests = Q(channel__in=resting_channels(), status=MessageStatus.WAITING)
    late = Q(not_after__lt=Now())
    return Message.objects.filter(
        Q(not_before=None) | Q(not_before__lte=Now()), ~rests | late, status__in=DUE
    ).order_by("created_at")


def send_waiting(*, seconds: float = SWEEP_SECONDS, limit: int = 3000) -> int:
    """Send what is due, except codes: bookings, and all that Redis or a worker lost; how many.

    For so many seconds at most, so that the job ends in time. The next sweep goes on.
    """
    ends = time.monotonic() + seconds
    due = _due().exclude(kind__in=CODE_KINDS).values_list("pk", "kind", "key", "status")[:limit]
    rows, sent = list(due), 0
    for start in range(0, len(rows), WRITTEN_TOGETHER):
        together = rows[start : start + WRITTEN_TOGETHER]
        letters = _letters([row[1:3] for row in together if row[3] == MessageStatus.UNWRITTEN])
        for pk, _kind, key, _status in together:
            sent += send_message(pk, letters.get(key)) is not None
            if time.monotonic() >= ends:
                return sent
    return sent


def _letters(notes: list[tuple[str, str]]) -> dict[str, Letter]:
    """What these notes (kind and key) say. If one can't be written, each is left to itself."""
    letters: dict[str, Letter] = {}
    for kind in {kind for kind, _key in notes}:
        with suppress(Exception), transaction.atomic():
            letters |= letter_writers[kind]([key for one, key in notes if one == kind])
    return letters
