"""Passkeys of staff: what browsers are asked, and what of their answers is believed.

WebAuthn Level 3 through the library `webauthn`; origin and relying party are those of
JARI_PUBLIC_URL. Attestation is not asked for: any authenticator may be used that verifies its user.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

import webauthn
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from database import signing
from database.clock import database_now, known_now
from staff.actors import actor_of
from staff.enums import NoticeKind
from staff.models import Passkey, User
from staff.models.passkeys import MOST
from staff.notices import notify

log = logging.getLogger(__name__)

SITE = "Jari"
CHALLENGE_SECONDS = 30 * 60
_SALT = "staff.passkey"
_REQUIRED = UserVerificationRequirement.REQUIRED
_MOST_LETTERS = 8_000  # of an answer


class PasskeyRefused(Exception):
    """The answer of a browser is not believed; the text is for the user."""


@dataclass(frozen=True)
class Site:
    """The relying party: its id, and the one origin that its pages have."""

    id: str
    origin: str


def site() -> Site | None:
    """None where browsers know no passkeys: without TLS, or under a bare address."""
    parts = urlsplit(settings.PUBLIC_URL)
    host = parts.hostname or ""
    if not host or _is_address(host) or (parts.scheme != "https" and host != "localhost"):
        return None
    return Site(host, f"{parts.scheme}://{parts.netloc}")


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def sign_in_options(request: HttpRequest, user: User | None = None) -> str:
    """What `navigator.credentials.get` is asked, as JSON; "" without passkeys.

    Without a user the browser offers whatever it has for this site.
    """
    here = site()
    keys = Passkey.objects.filter(user=user) if user else Passkey.objects.none()
    if here is None or (user and not keys):
        return ""
    options = webauthn.generate_authentication_options(
        rp_id=here.id,
        challenge=_challenge(request, "get"),
        allow_credentials=[_descriptor(key) for key in keys],
        user_verification=_REQUIRED,
    )
    return webauthn.options_to_json(options)


def registration_options(request: HttpRequest, user: User) -> str:
    """What `navigator.credentials.create` is asked, as JSON; "" where there can be none."""
    here = site()
    keys = list(Passkey.objects.filter(user=user))
    if here is None or len(keys) >= MOST:
        return ""
    options = webauthn.generate_registration_options(
        rp_id=here.id,
        rp_name=SITE,
        user_id=_handle_of(user),
        user_name=user.get_username(),
        user_display_name=user.get_full_name() or user.get_username(),
        challenge=_challenge(request, "create"),
        exclude_credentials=[_descriptor(key) for key in keys],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=_REQUIRED
        ),
    )
    return webauthn.options_to_json(options)


def _descriptor(key: Passkey) -> PublicKeyCredentialDescriptor:
    return PublicKeyCredentialDescriptor(id=bytes(key.credential_id))


def _challenge(request: HttpRequest, purpose: str) -> bytes:
    """Signed, of this browser, and with its time, so that nothing is kept for a stranger who looks
    at the log-in page."""
    micros = int(known_now().timestamp() * 1_000_000)
    return signing.dumps(
        [purpose, micros, _browser(request), secrets.token_urlsafe(16)], salt=_SALT
    ).encode()


def _browser(request: HttpRequest) -> str:
    get_token(request)  # makes the cookie, if there is none yet
    return salted_hmac(_SALT, request.META["CSRF_COOKIE"], algorithm="sha256").hexdigest()[:32]


def _challenged_at(request: HttpRequest, challenge: bytes, purpose: str) -> int:
    """When the challenge was made, in microseconds; PasskeyRefused unless it is one of ours."""
    try:
        asked, micros, browser, _random = signing.loads(
            challenge.decode(), salt=_SALT, max_age=CHALLENGE_SECONDS
        )
    except (signing.BadSignature, ValueError):
        raise PasskeyRefused(_("This page was open for too long. Try again.")) from None
    if asked != purpose or browser != _browser(request):
        raise PasskeyRefused(_("This page was open for too long. Try again."))
    return int(micros)


@transaction.atomic
def register(request: HttpRequest, *, user: User, name: str, answer: str) -> Passkey:
    """Store the passkey that a browser made for `user`; PasskeyRefused with a text for the page."""
    User.objects.select_for_update(no_key=True).get(pk=user.pk)
    if Passkey.objects.filter(user=user).count() >= MOST:
        raise PasskeyRefused(_("An account has ten passkeys at most. Remove one first."))
    here = _here()
    with _believing():
        credential = parse_registration_credential_json(answer[:_MOST_LETTERS])
        challenge = _challenge_in(credential.response.client_data_json)
        _challenged_at(request, challenge, "create")
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=here.id,
            expected_origin=here.origin,
            require_user_verification=True,
        )
    try:
        with transaction.atomic():
            key: Passkey = Passkey.objects.create(
                user=user,
                name=name,
                credential_id=verified.credential_id,
                public_key=verified.credential_public_key,
                handle=_handle_of(user),
                sign_count=verified.sign_count,
                is_synced=verified.credential_backed_up,
            )
    except IntegrityError:
        raise PasskeyRefused(
            _("This passkey is known already, or another one of yours has this name.")
        ) from None
    notify(user, NoticeKind.PASSKEY_ADDED, by=actor_of(user), name=name)
    return key


@transaction.atomic
def verify(request: HttpRequest, answer: str, *, user: User | None = None) -> Passkey:
    """The passkey that signed this page's challenge, of `user` if given; PasskeyRefused if none.

    Its row is locked, so that an answer counts once.
    """
    here = _here()
    with _believing():
        credential = parse_authentication_credential_json(answer[:_MOST_LETTERS])
        challenge = _challenge_in(credential.response.client_data_json)
        challenged_at = _challenged_at(request, challenge, "get")
        key = _key_of(credential, user)
        if challenged_at <= key.challenged_at:
            raise PasskeyRefused(_("This page was used already. Try again."))
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=here.id,
            expected_origin=here.origin,
            credential_public_key=bytes(key.public_key),
            credential_current_sign_count=key.sign_count,
            require_user_verification=True,
        )
    key.sign_count, key.challenged_at = verified.new_sign_count, challenged_at
    key.is_synced, key.last_used_at = verified.credential_backed_up, database_now()
    key.save(update_fields=["sign_count", "challenged_at", "is_synced", "last_used_at"])
    return key


def _key_of(credential: AuthenticationCredential, user: User | None) -> Passkey:
    rows = Passkey.objects.select_for_update(of=("self",)).select_related("user")
    key: Passkey | None = rows.filter(credential_id=credential.raw_id, confirmed=True).first()
    if key is None or (user and key.user_id != user.pk):
        raise PasskeyRefused(_("This passkey belongs to no account here, or was removed."))
    handle = credential.response.user_handle
    # An authenticator that was asked for no passkey by name says whose it chose.
    if (handle is None and user is None) or (handle and bytes(handle) != bytes(key.handle)):
        raise PasskeyRefused(_("This passkey belongs to no account here, or was removed."))
    return key


def _here() -> Site:
    here = site()
    if here is None:
        raise PasskeyRefused(_("Passkeys can't be used at this address."))
    return here


def _handle_of(user: User) -> bytes:
    """What authenticators know this user by: no name, and the same for all passkeys of theirs."""
    key = Passkey.objects.filter(user=user).first()
    if key:
        return bytes(key.handle)
    return salted_hmac(f"{_SALT}.handle", str(user.pk), algorithm="sha256").digest()


def _challenge_in(client_data: bytes) -> bytes:
    client = parse_client_data_json(client_data)
    if client.cross_origin:
        raise PasskeyRefused(_("Passkeys can't be used at this address."))
    return client.challenge


@contextmanager
def _believing() -> Iterator[None]:
    """PasskeyRefused for whatever is wrong with an answer; what it is stands in the log."""
    try:
        yield
    except (WebAuthnException, ValueError, KeyError, TypeError) as error:
        log.warning("passkey refused: %s: %.120s", type(error).__name__, error)
        raise PasskeyRefused(_("This passkey was not accepted. Try again.")) from error
