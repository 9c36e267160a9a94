"""What providers report of messages that they took: delivered, or not, and why.

Reports come more than once, in any order, and for messages of earlier tries. Whatever the order,
the outcome is the same: a report counts once, and "not delivered" stays.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from database.clock import Now, database_now
from events.services import record
from messaging import solapi
from messaging.enums import DUE, KAKAO, Channel, MessageStatus, Receipt
from messaging.events import ALIMTALK_FAILED
from messaging.handover import REFERENCE, NotTaken, Unsure, message_of
from messaging.models import Message
from messaging.services import wake_worker
from outside.dependencies import TookTooLong, dependency

log = logging.getLogger(__name__)

# An Alimtalk without a report is asked for after this time, until it is too old to help.
ASKED_AFTER, ASKED_UNTIL = timedelta(minutes=1), timedelta(hours=1)
ASKED_TOGETHER = 50
_LONGEST_ID = 100


@dataclass(frozen=True)
class Report:
    """One report; `reference` is ours, `provider_id` theirs, either may be missing."""

    delivered: bool
    reference: str = ""
    provider_id: str = ""
    reason: str = ""
    # Whether it is of an Alimtalk; None where the provider does not say.
    by_template: bool | None = None


def apply(reports: Iterable[Report]) -> int:
    """Record these reports; returns the number of those that told something new."""
    return sum(map(_apply, reports))


@transaction.atomic
def _apply(report: Report) -> bool:
    message = _message_of(report)
    if message is None:
        log.info("a provider reported a message that is not ours, or no longer kept")
        return False
    now = database_now()
    if message.status in (*DUE, MessageStatus.FAILED):
        if not _is_of_unknown_try(message, report):
            return False
        # Its sender died, or got no answer: it is not sent once more.
        message.status, message.sent_at, message.tried_at = MessageStatus.SENT, now, None
        message.problem, message.provider_id = "", report.provider_id
        message.gateway = KAKAO if report.by_template else ""
    if message.status != MessageStatus.SENT or not _is_of_last_try(message, report):
        return False
    receipt = Receipt.DELIVERED if report.delivered else Receipt.FAILED
    if message.receipt in (receipt, Receipt.FAILED):
        return False
    notice = message.gateway == KAKAO if report.by_template is None else report.by_template
    if receipt == Receipt.FAILED and notice and _send_as_text(message, report):
        return True
    message.receipt, message.receipt_at = receipt, now
    message.receipt_reason = "" if report.delivered else report.reason[:60]
    message.save()
    return True


def _message_of(report: Report) -> Message | None:
    rows = Message.objects.select_for_update(no_key=True)
    pk = message_of(report.reference)
    if pk is not None:
        return rows.filter(pk=pk).first()
    if not report.provider_id or len(report.provider_id) > _LONGEST_ID:
        return None
    return rows.filter(provider_id=report.provider_id).order_by("pk").first()


def _is_of_unknown_try(message: Message, report: Report) -> bool:
    """Whether the report can be of a try of this message that has no outcome yet.

    One of an Alimtalk is not of the text message that is sent in its place.
    """
    if message.text is None:
        return False
    if message.channel == Channel.EMAIL:
        return True
    return message.tried_at is not None and report.by_template == bool(message.template)


def _is_of_last_try(message: Message, report: Report) -> bool:
    recorded, reported = message.provider_id, report.provider_id
    return not recorded or not reported or recorded == reported


def _send_as_text(message: Message, report: Report) -> bool:
    """Queue a text message instead of an Alimtalk that did not arrive; False if it is too late, or
    the provider sends one itself."""
    account = solapi.account_of(KAKAO, settings.MESSAGE_CHANNELS.get(KAKAO, ""))
    now = database_now()
    if account.falls_back or (message.not_after and message.not_after < now):
        return False
    message.status, message.sent_at, message.tries = MessageStatus.WAITING, None, 0
    message.template, message.template_text = "", None
    message.gateway, message.provider_id, message.receipt = "", "", Receipt.NONE
    message.receipt_at = None
    message.save()
    if message.person_id is not None:
        record(
            kind=ALIMTALK_FAILED,
            person_id=message.person_id,
            actor="system",
            message=message.kind,
            reason=report.reason[:60],
        )
    transaction.on_commit(partial(wake_worker, message.kind, message.pk))
    return True


def report_of_solapi(found: Mapping[str, Any]) -> Report | None:
    """The report in one message as SOLAPI shows it; None while the message is on its way."""
    code = str(found.get("statusCode", ""))
    if not code.isdecimal() or code in solapi.UNDERWAY:
        return None
    fields = found.get("customFields")
    reference = fields.get(REFERENCE) if isinstance(fields, dict) else ""
    return Report(
        delivered=code == solapi.ARRIVED,
        reference=str(reference or "")[:_LONGEST_ID],
        provider_id=str(found.get("messageId") or "")[:_LONGEST_ID],
        reason=f"solapi {code[:8]}",
        by_template=found["type"] == "ATA" if found.get("type") else None,
    )


def ask_for_missing() -> int:
    """Ask for reports of Alimtalk that did not come, so that nobody waits for a lost one; returns
    the number of reports that told something new."""
    url = settings.MESSAGE_CHANNELS.get(KAKAO)
    if not url:
        return 0
    ids, now = _unreported(), database_now()
    if not ids:
        return 0
    account = solapi.account_of(KAKAO, url)
    try:
        found = dependency("reports-kakao").call(
            partial(solapi.statuses, account, ids, now=now), seconds=solapi.SECONDS + 1
        )
    except (TookTooLong, NotTaken, Unsure) as error:
        log.warning("no reports of Alimtalk can be had: %s", error)
        return 0
    return apply(filter(None, map(report_of_solapi, found)))


def _unreported() -> list[str]:
    rows = Message.objects.filter(
        gateway=KAKAO,
        receipt=Receipt.NONE,
        sent_at__gt=Now() - ASKED_UNTIL,
        sent_at__lt=Now() - ASKED_AFTER,
    ).exclude(provider_id="")
    return list(
        rows.order_by("sent_at", "pk").values_list("provider_id", flat=True)[:ASKED_TOGETHER]
    )
