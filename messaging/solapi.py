"""SOLAPI, a Korean provider of SMS, LMS and Alimtalk (KakaoTalk notices), by its REST contract.

https://developers.solapi.com/references. Its own SDK is not used: decision 65 says why.
"""

import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import phonenumbers
import requests
from django.core.exceptions import ImproperlyConfigured

from messaging.handover import REFERENCE, Busy, Handover, NotTaken, Unsure
from messaging.lengths import ENCODING, LMS_BYTES, length_of
from outside.peers import bound

SCHEME = "solapi://"
# Seconds of one request in all; less than a gateway may take (messaging.gateways).
SECONDS = 3.5
_SEND, _LIST = "/messages/v4/send-many/detail", "/messages/v4/list"
# Entries of a list that are looked through for a message whose outcome is unknown.
_LISTED = 50
# The provider may have noted a message a little before our clock says it was handed over.
_LEEWAY = timedelta(minutes=5)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
# Status codes: on its way, and arrived. Every other one is a failure.
UNDERWAY, ARRIVED = ("2000", "3000"), "4000"


@dataclass(frozen=True)
class Account:
    """One setting: `solapi://KEY:SECRET@HOST?from=NUMBER`, and `pf=` for Alimtalk."""

    key: str
    secret: str
    base: str
    sender: str
    profile: str
    # Whether the provider sends a text message itself where an Alimtalk does not arrive.
    falls_back: bool

    def __repr__(self) -> str:
        return f"Account({self.base})"  # without the secret, also in tracebacks


def is_address(url: str) -> bool:
    return url.startswith(SCHEME)


@lru_cache(maxsize=8)
def account_of(name: str, url: str) -> Account:
    """The account of the setting `name`; raises ImproperlyConfigured, without its secret."""
    parts, values = urlsplit(url), {}
    for field, texts in parse_qs(parts.query).items():
        values[field] = texts[-1]
    try:
        port, host = parts.port, parts.hostname or ""
    except ValueError:
        port, host = None, ""
    sender, profile = values.pop("from", ""), values.pop("pf", "")
    fallback = values.pop("fallback", "portal")
    usable = host and parts.username and parts.password and not values and not parts.path.strip("/")
    if name == "kakao":
        usable = usable and profile and fallback in ("portal", "provider")
    else:
        usable = usable and sender.isascii() and sender.isdecimal() and not profile
    if not usable or "{" in url:
        raise ImproperlyConfigured(
            f"JARI_MESSAGE_CHANNELS: {name} is to be written as solapi://KEY:SECRET@HOST?from="
            "NUMBER, the number in digits and registered there; kakao= with &pf=PROFILE too."
        )
    scheme = "http" if host in _LOOPBACK else "https"
    return Account(
        key=unquote(parts.username or ""),
        secret=unquote(parts.password or ""),
        base=f"{scheme}://{host}" + (f":{port}" if port else ""),
        sender=sender,
        profile=profile,
        falls_back=fallback == "provider",
    )


def send(account: Account, *, to: str, text: str, handover: Handover, now: datetime) -> str:
    """Hand one message over; returns the provider's id of it.

    One of an earlier try whose outcome is unknown is looked for first, and not handed over twice.
    Raises NotTaken, Busy, Unsure.
    """
    if handover.tried_at:
        found = _find(account, to=to, handover=handover, now=now)
        if found:
            return found
    by_template = bool(account.profile)
    if not by_template and length_of(text).bytes > LMS_BYTES:
        raise NotTaken("too long")
    message = {**_receiver(to), "customFields": {REFERENCE: handover.reference}}
    message |= _alimtalk(account, handover) if by_template else _text_message(account, text)
    answer = _call(
        account,
        now,
        "POST",
        _SEND,
        json={"messages": [message], "allowDuplicates": False, "showMessageList": True},
    )
    for refused in _dicts(answer.get("failedMessageList")):
        raise NotTaken(_code(refused.get("statusCode")))
    for taken in _dicts(answer.get("messageList")):
        return _id(taken.get("messageId"))
    return ""


def statuses(account: Account, ids: Sequence[str], *, now: datetime) -> list[dict[str, Any]]:
    """The messages of these ids as the provider has them; raises NotTaken or Unsure."""
    values = {"messageIds": list(ids), "limit": len(ids)}
    return _dicts(_call(account, now, "GET", _LIST, params=values).get("messageList"))


def _find(account: Account, *, to: str, handover: Handover, now: datetime) -> str:
    """The id of the message with this reference, "" if the provider has none."""
    assert handover.tried_at is not None
    since = (handover.tried_at - _LEEWAY).isoformat(timespec="seconds")
    values = {
        "to": _receiver(to)["to"],
        "dateType": "CREATED",
        "startDate": since,
        "endDate": (now + _LEEWAY).isoformat(timespec="seconds"),
        "limit": _LISTED,
    }
    # One that failed there already may be handed over anew.
    stands = (*UNDERWAY, ARRIVED)
    for found in _dicts(_call(account, now, "GET", _LIST, params=values).get("messageList")):
        fields = found.get("customFields")
        is_ours = isinstance(fields, dict) and fields.get(REFERENCE) == handover.reference
        if is_ours and found.get("statusCode") in stands:
            return _id(found.get("messageId"))
    return ""


def _receiver(to: str) -> dict[str, Any]:
    """Number and country as the provider takes them: 01012345678 and 82."""
    number = phonenumbers.parse(to)
    national = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    korean = number.country_code == 82
    digits = re.sub(r"\D", "", national) if korean else str(number.national_number)
    return {"to": digits, "country": str(number.country_code)}


def _text_message(account: Account, text: str) -> dict[str, Any]:
    # The provider refuses letters that have no code in the networks.
    text = text.encode(ENCODING, errors="replace").decode(ENCODING)
    kind = "LMS" if length_of(text).is_long else "SMS"
    return {"from": account.sender, "text": text, "type": kind, "autoTypeDetect": False}


def _alimtalk(account: Account, handover: Handover) -> dict[str, Any]:
    options = {
        "pfId": account.profile,
        "templateId": handover.template,
        "disableSms": not account.falls_back,
    }
    sender = {"from": account.sender} if account.sender else {}
    return {**sender, "text": handover.template_text, "type": "ATA", "kakaoOptions": options}


def authorization(account: Account, now: datetime) -> str:
    """The header that proves who asks: an HMAC of time and salt, good for fifteen minutes."""
    date, salt = now.isoformat(timespec="seconds"), secrets.token_hex(16)
    signed = hmac.new(account.secret.encode(), f"{date}{salt}".encode(), "sha256")
    values = f"apiKey={account.key}, date={date}, salt={salt}, signature={signed.hexdigest()}"
    return f"HMAC-SHA256 {values}"


def _call(
    account: Account, now: datetime, method: str, path: str, **content: Any
) -> dict[str, Any]:
    host = urlsplit(account.base).hostname or ""
    headers = {"Authorization": authorization(account, now)}
    with bound(requests.Session(), [host], seconds=SECONDS) as session:
        try:
            answer = session.request(method, account.base + path, headers=headers, **content)
            document: Any = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise Unsure(type(error).__name__) from None
    if answer.status_code == 429:
        raise Busy("429")
    if answer.status_code >= 500 or not isinstance(document, dict):
        raise Unsure(str(answer.status_code))
    if not answer.ok:
        raise NotTaken(_code(document.get("errorCode") or answer.status_code))
    return document


def _dicts(found: Any) -> list[dict[str, Any]]:
    """The objects of a list, or of an object by id, as the list of messages is."""
    entries = list(found.values()) if isinstance(found, dict) else found
    return [each for each in entries or [] if isinstance(each, dict)]


def _code(text: Any) -> str:
    """A code for our tables and logs: letters and digits only, whatever was sent."""
    return re.sub(r"[^A-Za-z0-9_-]", "", str(text))[:40] or "unknown"


def _id(text: Any) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "", str(text or ""))[:100]
