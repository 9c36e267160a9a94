"""Identity providers by configuration: OpenID Connect with PKCE, through Authlib and joserfc.

`JARI_PROVIDERS` is a JSON list of {code, name_ko, name_en, issuer, client_id, client_secret, and
where they differ: scope, claims, certified}. A certified provider vouches for name, birth date
and phone; any other only spares typing.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from django.conf import settings
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import get_language
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from database.clock import known_now, known_today
from eligibility import spelling
from outside.patience import TookTooLong, part

log = logging.getLogger(__name__)

TIMEOUT = 2  # seconds from one byte of a provider to the next
DOCUMENT_SECONDS = 0.4  # in all; a page waits for it
FRESH_SECONDS, OLD_SECONDS = 300, 3600
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_CLAIMS = {"name": "name", "birth_date": "birthdate", "phone": "phone_number"}


class ProviderProblem(Exception):
    """The provider can't be reached, or what it says can't be believed; it counts for its light."""


class Declined(Exception):
    """The person broke it off there; nothing is wrong with the provider."""


@dataclass(frozen=True)
class Identity:
    """What a provider says of the person in front of the browser; None for what it does not say."""

    subject: str
    name: str | None
    birth_date: date | None
    phone: str | None

    @property
    def is_whole(self) -> bool:
        return None not in (self.name, self.birth_date, self.phone)


@dataclass(frozen=True)
class Provider:
    code: str
    name_ko: str
    name_en: str
    issuer: str
    client_id: str
    client_secret: str
    scope: str = "openid profile phone"
    claims: Mapping[str, str] = field(default_factory=lambda: _CLAIMS)
    certified: bool = False

    @property
    def name(self) -> str:
        return self.name_ko if (get_language() or "ko").startswith("ko") else self.name_en

    def begin(self, *, redirect_uri: str) -> tuple[str, dict[str, str]]:
        """Where to send the browser, and what has to be kept for `finish`."""
        kept = {
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "code_verifier": secrets.token_urlsafe(48),
        }
        session = self._session(redirect_uri)
        address, _state = session.create_authorization_url(
            self._endpoints()["authorization_endpoint"], **kept
        )
        return address, kept

    def finish(
        self, answer: Mapping[str, str], *, kept: Mapping[str, str], redirect_uri: str
    ) -> Identity:
        """Who it is, from what the provider sent back. ProviderProblem or Declined otherwise."""
        # As bytes: text is compared in ASCII alone.
        state = answer.get("state", "").encode(errors="replace")
        if not secrets.compare_digest(state, kept["state"].encode()):
            raise Declined
        if "error" in answer:
            if answer["error"] in ("access_denied", "interaction_required", "login_required"):
                raise Declined
            # Only the letters of an error code: it goes to the log.
            said = re.sub(r"[^a-z_]", "", answer["error"])[:40]
            raise ProviderProblem(f"{self.code}: {said}")
        ends = time.monotonic() + settings.PROVIDER_SECONDS
        with self._session(redirect_uri) as session:
            return self._identity(self._claims(session, answer.get("code", ""), kept, ends))

    def _claims(
        self, session: OAuth2Session, code: str, kept: Mapping[str, str], ends: float
    ) -> dict[str, Any]:
        """What is believed of the person of this code, asked for until `ends`."""
        endpoints = self._endpoints()
        token = self._asked(
            lambda: session.fetch_token(
                endpoints["token_endpoint"],
                code=code,
                code_verifier=kept["code_verifier"],
                timeout=TIMEOUT,
            ),
            ends - time.monotonic(),
        )
        try:
            claims = self._believed(token["id_token"], nonce=kept["nonce"])
        except (JoseError, KeyError, ValueError) as error:
            raise ProviderProblem(f"{self.code}: {type(error).__name__}") from error
        if set(self.claims.values()) - set(claims) and "userinfo_endpoint" in endpoints:
            address = endpoints["userinfo_endpoint"]
            more = self._asked(lambda: _document(address, session), ends - time.monotonic())
            # It must speak of the same person.
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        return claims

    def _asked(self, call: Callable[[], dict[str, Any]], seconds: float) -> dict[str, Any]:
        """What the provider says to `call`; ProviderProblem if not, or not in time."""
        try:
            return part(f"provider-{self.code}").ask(call, seconds=seconds)
        except (
            AuthlibBaseError,
            JoseError,
            requests.RequestException,
            TookTooLong,
            KeyError,
            ValueError,
        ) as error:
            raise ProviderProblem(f"{self.code}: {type(error).__name__}") from error

    def _session(self, redirect_uri: str) -> OAuth2Session:
        session = OAuth2Session(
            self.client_id,
            self.client_secret,
            scope=self.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        session.max_redirects = 0  # what we send is for this address alone
        return session

    def _believed(self, id_token: str, *, nonce: str) -> dict[str, Any]:
        """The claims of an ID token whose signature, issuer, audience, time and nonce are right."""
        token = jwt.decode(id_token, self._keys(), algorithms=_ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            now=int(known_now().timestamp()),
            leeway=60,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        registry.validate(token.claims)
        claims: dict[str, Any] = token.claims
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        def read(what: str, parse: Callable[[str], Any]) -> Any:
            try:
                return parse(str(claims[self.claims.get(what, _CLAIMS[what])]))
            except (KeyError, ValueError):
                return None

        today = known_today()
        return Identity(
            subject=str(claims["sub"]),
            name=read("name", spelling.person_name),
            birth_date=read("birth_date", lambda text: spelling.birth_date(text, today=today)),
            phone=read("phone", spelling.mobile_phone),
        )

    def _endpoints(self) -> dict[str, str]:
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        endpoints = self._fetched(address)
        # Whoever can answer at this address only may still be somebody else.
        if str(endpoints.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
            raise ProviderProblem(f"{self.code}: speaks for another issuer")
        return endpoints

    def _keys(self) -> KeySet:
        document = self._fetched(self._endpoints()["jwks_uri"])
        return KeySet.import_key_set(cast("Any", document))

    def _fetched(self, address: str) -> dict[str, Any]:
        """A document of the provider, kept for some minutes, and for an hour where it hangs."""
        fresh: float
        document: dict[str, Any] | None
        fresh, document = caches["local"].get(f"provider:{address}", (0.0, None))
        if document is not None and time.monotonic() < fresh:
            return document
        try:
            document = self._asked(lambda: _document(address), DOCUMENT_SECONDS)
        except ProviderProblem:
            if document is None:
                raise
        else:
            kept = time.monotonic() + FRESH_SECONDS, document
            caches["local"].set(f"provider:{address}", kept, timeout=OLD_SECONDS)
        return document


def _document(address: str, session: requests.Session | None = None) -> dict[str, Any]:
    answer = (session or requests).get(address, timeout=TIMEOUT, allow_redirects=False)
    answer.raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def configured() -> dict[str, Provider]:
    """The providers of the settings, by code; ImproperlyConfigured says what is wrong."""
    providers = {}
    for values in settings.PROVIDERS:
        try:
            provider = Provider(**values)
        except TypeError as error:
            raise ImproperlyConfigured(f"JARI_PROVIDERS: {error}") from error
        parts = urlsplit(provider.issuer)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
            raise ImproperlyConfigured(f"JARI_PROVIDERS: {provider.code} needs an https issuer.")
        providers[provider.code] = provider
    return providers
