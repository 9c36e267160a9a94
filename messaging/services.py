"""Writing and sending messages."""

import logging
import time
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from redis import RedisError

from database.clock import Now, known_now
from database.inserting import insert_once
from messaging.background import in_background
from messaging.channels import deliver, has_memory, has_voice, resting_channels
from messaging.enums import DUE, Channel, MessageStatus
from messaging.exceptions import ChannelProblem, GatewaysRest, NotSentAgain
from messaging.handover import Handover, reference_of
from messaging.hooks import RenderedMessage, renderers
from messaging.models import Message
from messaging.receivers import channel_to, checked_receiver
from outside import jobs

log = logging.getLogger(__name__)

MOST_TRIES = 6
SWEEP_SECONDS = 15.0
WRITTEN_TOGETHER = 50
# Sign-in codes have a worker of their own: they must not queue behind other messages or imports.
CODE_KINDS = ["code"]
CODES_AT_ONCE = 200
# The keys of copies that staff send (`send_again`), how many of one message, and how soon.
AGAIN, MOST_COPIES, AGAIN_AFTER = ":again:", 3, timedelta(minutes=1)
# What a try to send changes.
_CHANGED = [
    *["status", "tries", "problem", "sent_at", "channel", "to", "text"],
    *["language", "template", "template_text", "gateway", "provider_id", "tried_at"],
]


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
    """Insert one message in the caller's transaction and wake the worker on commit.

    To a landline, or a person without a phone, a text message becomes a call or a letter
    (`channel_to`). Returns False if the key exists already. Messages that are not urgent are left
    to the next sweep: a job for each of many bookings per second would delay the codes. Raises
    BadReceiver; forms check addresses before by `EmailAddressField`.
    """
    message = new_message(
        key=key,
        kind=kind,
        channel=channel,
        to=to,
        text=text,
        person_id=person_id,
        not_before=not_before,
        not_after=not_after,
    )
    return insert_message(message, urgent=urgent)


def insert_message(message: Message, *, urgent: bool = True) -> bool:
    """The second half of `write_message`, for a message of `new_message`."""
    pk = insert_once(message, unique="key")
    if pk is None:
        return False
    is_due = message.not_before is None or message.not_before <= known_now()
    if urgent and message.channel != Channel.LETTER and is_due:
        transaction.on_commit(partial(wake_worker, message.kind, pk))
    return True


def new_message(
    *,
    key: str,
    kind: str,
    channel: Channel,
    to: str,
    text: str,
    person_id: int | None = None,
    not_before: datetime | None = None,
    not_after: datetime | None = None,
) -> Message:
    """The first half of `write_message`: an unsaved message."""
    channel = channel_to(channel, to, in_time=not_after is not None, has_voice=has_voice())
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
    _note_wording(message, text)
    return message


def _note_wording(message: Message, text: str) -> None:
    """Note language and template of a text that messaging.wordings rendered."""
    message.language = getattr(text, "language", "")
    message.template = getattr(text, "template", "")
    message.template_text = getattr(text, "template_text", "") or None


def wake_worker(kind: str, *message_ids: int) -> None:
    """Queue the job that sends messages of this kind; without Redis send from this process.

    By a background thread, because a gateway that hangs would hold this one.
    """
    try:
        if kind in CODE_KINDS:
            jobs.enqueue_once(jobs.CODES, "messaging.jobs.send_codes")
        else:
            jobs.enqueue_once(jobs.MESSAGES, "messaging.jobs.sweep")
    except RedisError:
        for message_id in message_ids:
            log.warning("redis is gone: message %s is sent by the web process", message_id)
            in_background(send_message, message_id)


def send_message(message_id: int, rendered: RenderedMessage | None = None) -> MessageStatus | None:
    """Send one message; None if it is locked by another sender or not due.

    `rendered` is its text if a batch has rendered it, else it is rendered here. The row stays
    locked during the delivery, so that a job that runs twice sends once. Only this row is
    locked, for which nothing else waits.

    Where a provider can be asked what it took, the try is committed first: after a crash between
    handing over and recording, the next try asks instead of sending twice.
    """
    return _send(message_id, rendered, _begin_try(message_id) if has_memory() else None)


@transaction.atomic
def _begin_try(message_id: int) -> datetime | None:
    """Record that the message is being handed over; returns when an earlier try of unknown outcome
    began."""
    row = Message.objects.select_for_update(skip_locked=True, no_key=True).filter(
        pk=message_id, status__in=DUE
    )
    earlier = row.values_list("tried_at", flat=True).first()
    if earlier is None:
        Message.objects.filter(pk=message_id, status__in=DUE, tried_at=None).update(tried_at=Now())
    return earlier


@transaction.atomic
def _send(
    message_id: int, rendered: RenderedMessage | None, tried_at: datetime | None
) -> MessageStatus | None:
    message = (
        Message.objects.select_for_update(skip_locked=True, no_key=True)
        .annotate(now=Now())
        .filter(pk=message_id, status__in=DUE)
        .filter(Q(not_before=None) | Q(not_before__lte=Now()))
        .first()
    )
    if message is None:
        return None
    message.tried_at = tried_at
    if message.not_after and message.not_after < message.now:
        message.status = MessageStatus.EXPIRED
    elif message.status == MessageStatus.UNWRITTEN and not _fill_in(message, rendered):
        pass
    elif message.channel != Channel.LETTER:  # which waits to be printed (messaging.letters)
        _deliver(message, message.now)
    message.save(update_fields=_CHANGED)
    return MessageStatus(message.status)


def _fill_in(message: Message, rendered: RenderedMessage | None) -> bool:
    """Set channel, receiver and text; False if the message is obsolete or rendering failed."""
    try:
        with transaction.atomic():
            rendered = rendered or renderers[message.kind]([message.key]).get(message.key)
    except Exception as error:
        # One message that can't be rendered must not stop the ones behind it.
        log.exception("message %s could not be written", message.pk)
        _count_try(message, f"It could not be written: {type(error).__name__}.")
        return False
    if rendered is None:
        message.status = MessageStatus.EXPIRED
        return False
    chosen, message.to, message.text = rendered
    _note_wording(message, rendered.text)
    message.channel = channel_to(
        chosen, message.to, in_time=message.not_after is not None, has_voice=has_voice()
    )
    message.status = MessageStatus.WAITING
    return True


def _deliver(message: Message, now: datetime) -> None:
    # Constraint message_to_send_is_written.
    assert message.to is not None
    assert message.text is not None
    channel = Channel(message.channel)
    handover = Handover(
        reference=reference_of(message.pk),
        language=message.language,
        template=message.template,
        template_text=message.template_text or "",
        tried_at=message.tried_at,
    )
    try:
        taken = deliver(
            key=message.key, channel=channel, to=message.to, text=message.text, handover=handover
        )
    except GatewaysRest as refusal:
        message.problem = str(refusal)  # nobody was asked: no try is used up
    except ChannelProblem as problem:
        message.tried_at = (message.tried_at or now) if problem.unsure else None
        _count_try(message, str(problem))
    else:
        message.tries += 1
        message.status, message.sent_at, message.problem = MessageStatus.SENT, now, ""
        message.gateway, message.provider_id = taken.gateway, taken.provider_id
        message.tried_at = None


def _count_try(message: Message, problem: str) -> None:
    message.tries += 1
    message.problem = problem[:200]
    if message.tries >= MOST_TRIES:
        message.status = MessageStatus.FAILED


@transaction.atomic
def try_again(*, message: Message) -> None:
    """Queue a failed message again, by an action of the admin."""
    written = message.text is not None
    changed = Message.objects.filter(pk=message.pk, status=MessageStatus.FAILED).update(
        status=MessageStatus.WAITING if written else MessageStatus.UNWRITTEN, tries=0
    )
    if changed:
        transaction.on_commit(partial(wake_worker, message.kind, message.pk))


def why_not_send_again(message: Message) -> NotSentAgain | None:
    """The refusal of sending this message once more; None if it may be."""
    if message.kind in CODE_KINDS:
        return NotSentAgain(_("A sign-in code is asked for anew on the sign-in page."))
    if message.channel == Channel.LETTER and message.status == MessageStatus.WAITING:
        return NotSentAgain(_("This letter waits to be printed."))
    if message.status in DUE:
        return NotSentAgain(_("This message is about to be sent."))
    if message.not_after and message.not_after < known_now():
        return NotSentAgain(_("What this message says is over."))
    if message.text is None:
        return NotSentAgain(_("This message was never written."))
    return None


@transaction.atomic
def send_again(*, message: Message, phone: str) -> None:
    """Send a message once more, for a person who has not got it: a failed one itself, of a sent
    one a copy. Unless it was an e-mail it goes to `phone`, which may have been corrected since.

    Raises NotSentAgain, also for the second copy within a minute.
    """
    # Serializes the copies of one message.
    message = Message.objects.select_for_update(no_key=True).get(pk=message.pk)
    refusal = why_not_send_again(message)
    if refusal:
        raise refusal
    if message.status == MessageStatus.FAILED:
        try_again(message=message)
        return
    original = message.key.split(AGAIN)[0]
    copies = Message.objects.filter(key__startswith=f"{original}{AGAIN}")
    if copies.filter(created_at__gt=Now() - AGAIN_AFTER).exists():
        raise NotSentAgain(_("It was sent again a minute ago. Wait a little."))
    count = copies.count()
    if count >= MOST_COPIES:
        raise NotSentAgain(_("It was sent again often enough. Read it out instead."))
    assert message.to is not None
    assert message.text is not None
    write_message(
        key=f"{original}{AGAIN}{count + 1}",
        kind=message.kind,
        channel=Channel.EMAIL if message.channel == Channel.EMAIL else Channel.SMS,
        to=message.to if message.channel == Channel.EMAIL else phone,
        text=message.text,
        person_id=message.person_id,
        not_after=message.not_after,
    )


def send_codes(*, seconds: float = SWEEP_SECONDS) -> int:
    """Send due codes, including new ones, for `seconds` at most; returns the number sent."""
    ends, sent = time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        due = list(_due().filter(kind__in=CODE_KINDS).values_list("pk", flat=True)[:CODES_AT_ONCE])
        before = sent
        for pk in due:
            sent += send_message(pk) == MessageStatus.SENT
            if time.monotonic() >= ends:
                break
        if sent == before:  # none due, or no gateway takes them: the next job tries again
            break
    return sent


def _due() -> QuerySet[Message]:
    """Messages to send now, the oldest first.

    Not letters, nor those of channels whose gateways all rest, except late ones, which then expire.
    """
    not_sent = [*resting_channels(), Channel.LETTER]
    resting = Q(channel__in=not_sent, status=MessageStatus.WAITING)
    late = Q(not_after__lt=Now())
    return Message.objects.filter(
        Q(not_before=None) | Q(not_before__lte=Now()), ~resting | late, status__in=DUE
    ).order_by("created_at", "pk")


def send_waiting(*, seconds: float = SWEEP_SECONDS, limit: int = 3000) -> int:
    """Send due messages except codes, also those whose job was lost; returns their number.

    For `seconds` at most, so that the job ends before its timeout; the next sweep continues.
    """
    ends = time.monotonic() + seconds
    due = _due().exclude(kind__in=CODE_KINDS).values_list("pk", "kind", "key", "status")[:limit]
    rows, sent = list(due), 0
    for start in range(0, len(rows), WRITTEN_TOGETHER):
        together = rows[start : start + WRITTEN_TOGETHER]
        rendered = _render([row[1:3] for row in together if row[3] == MessageStatus.UNWRITTEN])
        for pk, _kind, key, _status in together:
            sent += send_message(pk, rendered.get(key)) is not None
            if time.monotonic() >= ends:
                return sent
    return sent


def _render(kinds_and_keys: list[tuple[str, str]]) -> dict[str, RenderedMessage]:
    """Render messages in a batch, by key; if one fails, its kind is left to `send_message`."""
    keys_by_kind: dict[str, list[str]] = {}
    for kind, key in kinds_and_keys:
        keys_by_kind.setdefault(kind, []).append(key)
    rendered: dict[str, RenderedMessage] = {}
    for kind, keys in keys_by_kind.items():
        with suppress(Exception), transaction.atomic():
            rendered |= renderers[kind](keys)
    return rendered
