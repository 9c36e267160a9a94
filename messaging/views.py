"""Addresses at which providers report what became of messages.

Anybody can call them. A caller proves to be the provider by the secret that it was given; one who
does not changes nothing, learns nothing, and is limited.
"""

import hashlib
import hmac
import json
import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from anymail import urls as anymail_urls
from anymail.exceptions import AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType
from anymail.webhooks.base import AnymailCoreWebhookView
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from redis import RedisError

from messaging import mail_provider, receipts
from messaging.enums import Channel
from messaging.handover import REFERENCE
from messaging.receipts import Report, report_of_solapi
from web.addresses import client_address, network_of
from web.limits import over

log = logging.getLogger(__name__)

# Tries with a wrong secret from one network before they are refused unread.
WRONG = "30/10m"
MOST_REPORTS = 500
_DELIVERED = [EventType.DELIVERED]
_FAILED = [EventType.BOUNCED, EventType.REJECTED, EventType.FAILED]


@csrf_exempt
@require_POST
def solapi_reports(request: HttpRequest) -> HttpResponse:
    """Reports of text messages and Alimtalk, as a list of messages.

    The header X-Solapi-Secret is the SHA-1 of the secret that was set with the webhook there.
    """
    secret: str = settings.SOLAPI_SECRET
    if not secret:
        return HttpResponse(status=404)
    expected = hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()
    given = request.headers.get("X-Solapi-Secret", "").lower()
    if not hmac.compare_digest(given.encode(), expected.encode()):
        return _refused(request)
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        return HttpResponse(status=400)
    if not isinstance(found, list) or len(found) > MOST_REPORTS:
        return HttpResponse(status=400)
    # Some versions of the webhook wrap each message: {"eventDataId": …, "data": {…}}.
    messages = [each.get("data", each) for each in found if isinstance(each, dict)]
    reports = [report_of_solapi(each) for each in messages if isinstance(each, dict)]
    receipts.apply(filter(None, reports))
    return HttpResponse(status=200)


@csrf_exempt
@require_POST
def mail_reports(request: HttpRequest, provider: str) -> HttpResponse:
    """Reports of mails, in the provider's own form, which Anymail checks and reads."""
    if provider not in _mail_providers() or not settings.ANYMAIL.get("WEBHOOK_SECRET"):
        return HttpResponse(status=404)
    view = _anymail_view(provider)()
    try:
        view.run_validators(request)
    except AnymailWebhookValidationFailure:
        return _refused(request)
    try:
        events = view.parse_events(request)
    except Exception as error:
        # Anymail trusts the body's form; whatever is wrong with it, it is the caller's mistake.
        log.warning("a report of %s can't be read: %s", provider, type(error).__name__)
        return HttpResponse(status=400)
    receipts.apply(filter(None, map(_report_of_mail, events[:MOST_REPORTS])))
    return HttpResponse(status=200)


def _mail_providers() -> set[str]:
    return {
        mail_provider.parts_of(name, url)[0]
        for name, url in settings.MESSAGE_CHANNELS.items()
        if name.startswith(Channel.EMAIL) and mail_provider.is_address(url)
    }


@lru_cache(maxsize=8)
def _anymail_view(provider: str) -> Callable[[], AnymailCoreWebhookView]:
    name = f"{provider}_tracking_webhook"
    [pattern] = [each for each in anymail_urls.urlpatterns if each.name == name]
    callback: Any = pattern.callback
    view: Callable[[], AnymailCoreWebhookView] = callback.view_class
    return view


def _report_of_mail(event: AnymailTrackingEvent) -> Report | None:
    """None for what is no outcome: opened, clicked, deferred, a complaint about a delivered one."""
    if event.event_type not in _DELIVERED + _FAILED:
        return None
    metadata = event.metadata if isinstance(event.metadata, dict) else {}
    reason = event.reject_reason or event.event_type
    return Report(
        delivered=event.event_type in _DELIVERED,
        reference=str(metadata.get(REFERENCE) or "")[:100],
        provider_id=str(event.message_id or "")[:100],
        reason=str(reason),
    )


def _refused(request: HttpRequest) -> HttpResponse:
    """403 to a wrong secret, 429 after WRONG of them."""
    address = client_address(request)
    key = network_of(address) if address else "unknown"
    try:
        if over(request, group="message-reports", key=key, rate=WRONG):
            return HttpResponse(status=429)
    except RedisError:
        log.warning("redis is gone: wrong secrets of reports are not counted")
    return HttpResponse(status=403)
