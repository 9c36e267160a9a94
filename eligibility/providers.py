"""Identity providers by configuration: OpenID Connect with PKCE, through Authlib and joserfc.

`JARI_PROVIDERS` is a JSON list of {code, name_ko, name_en, issuer, client_id, client_secret, and
where they differ: scope, claims, certified, hosts, acr, max_age}. A certified provider vouches for
name, birth date and phone; any other only spares typing. `hosts` are further hosts that its
endpoints may be on, `acr` the strengths of authentication that are enough, `max_age` for how many
seconds one may have been signed in there.
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
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
from outside.patience import PAGES, THREADS, TookTooLong, part
from outside.peers import NotAPeer, bound, check_peer

log = logging.getLogger(__name__)

DOCUMENT_SECONDS = 0.4  # in all; a page waits for it
FRESH_SECONDS, OLD_SECONDS = 300, 3600
_LEEWAY = 60  # seconds by which their clock may differ from ours
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_ENDPOINTS = ["authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"]
_CLAIMS = {"name": "name", "birth_date": "birthdate", "phone": "phone_number"}


class ProviderProblem(Exception):
    """The provider can't be reached, or what it says can't be believed; it counts for its light."""


class Declined(Exception):
    """The person broke it off there; nothing is wrong with the provider."""


class Wait:
    """Until when a provider is waited for, in all, and with how many others at most."""

    def __init__(self, seconds: float, *, most: int) -> None:
        self._ends, self.most = time.monotonic() + seconds, most

    @property
    def seconds(self) -> float:
        return max(0.0, self._ends - time.monotonic())


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
    hosts: Collection[str] = ()
    acr: Collection[str] = ()
    max_age: int | None = None

    @property
    def name(self) -> str:
        return self.name_ko if (get_language() or "ko").startswith("ko") else self.name_en

    def begin(self, *, redirect_uri: str) -> tuple[str, dict[str, str]]:
        """Where to send the browser, and what has to be kept for `finish`.

        Asks the provider half a second at most, and only where its document is not known.
        """
        kept = {
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "code_verifier": secrets.token_urlsafe(48),
        }
        session = self._session(redirect_uri)
        address, _state = session.create_authorization_url(
            self._endpoints(Wait(DOCUMENT_SECONDS, most=PAGES))["authorization_endpoint"],
            **kept,
            **self._strength(),
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
        wait = Wait(settings.PROVIDER_SECONDS, most=THREADS)
        with self._session(redirect_uri) as session:
            return self._identity(self._claims(session, answer.get("code", ""), kept, wait))

    def _claims(
        self, session: OAuth2Session, code: str, kept: Mapping[str, str], wait: Wait
    ) -> dict[str, Any]:
        """What is believed of the person of this code."""
        endpoints = self._endpoints(wait)
        token = self._asked(
            lambda: session.fetch_token(
                endpoints["token_endpoint"], code=code, code_verifier=kept["code_verifier"]
            ),
            wait,
        )
        try:
            claims = self._believed(token["id_token"], self._keys(wait), nonce=kept["nonce"])
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderProblem(f"{self.code}: {type(error).__name__}") from error
        if set(self.claims.values()) - set(claims) and "userinfo_endpoint" in endpoints:
            address = endpoints["userinfo_endpoint"]
            more = self._asked(lambda: _document(address, session), wait)
            # It must speak of the same person.
            if more.get("sub") == claims["sub"]:
                claims = {**more, **claims}
        return claims

    def _asked(self, call: Callable[[], dict[str, Any]], wait: Wait) -> dict[str, Any]:
        """What the provider says to `call`; ProviderProblem if not, or not in time."""
        try:
            return part(f"provider-{self.code}").ask(call, seconds=wait.seconds, most=wait.most)
        except (
            AuthlibBaseError,
            JoseError,
            requests.RequestException,
            TookTooLong,
            KeyError,
            ValueError,
        ) as error:
            raise ProviderProblem(f"{self.code}: {type(error).__name__}") from error

    def _hosts(self) -> set[str]:
        return {urlsplit(self.issuer).hostname or "", *self.hosts}

    def _strength(self) -> dict[str, str]:
        """What is asked for in how the person shows the provider who they are."""
        asked = {"acr_values": " ".join(self.acr)} if self.acr else {}
        return asked | ({} if self.max_age is None else {"max_age": str(self.max_age)})

    def _session(self, redirect_uri: str) -> OAuth2Session:
        session = OAuth2Session(
            self.client_id,
            self.client_secret,
            scope=self.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        return bound(session, self._hosts(), seconds=settings.PROVIDER_SECONDS)

    def _believed(self, id_token: str, keys: KeySet, *, nonce: str) -> dict[str, Any]:
        """The claims of an ID token whose signature, issuer, audience, time and nonce are right,
        and which says that the person signed in there as strongly and lately as is asked for."""
        token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        now = int(known_now().timestamp())
        wanted: dict[str, Any] = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
            "nonce": {"essential": True, "value": nonce},
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        if self.acr:
            wanted["acr"] = {"essential": True, "values": list(self.acr)}
        if self.max_age is not None:
            wanted["auth_time"] = {"essential": True}
        jwt.JWTClaimsRegistry(now=now, leeway=_LEEWAY, **wanted).validate(token.claims)
        claims: dict[str, Any] = token.claims
        if self.max_age is not None and int(claims["auth_time"]) < now - self.max_age - _LEEWAY:
            raise ValueError("signed in there too long ago")
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

    def _endpoints(self, wait: Wait) -> dict[str, str]:
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        endpoints = self._fetched(address, wait)
        # Whoever can answer at this address only may still be somebody else.
        if str(endpoints.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
            raise ProviderProblem(f"{self.code}: speaks for another issuer")
        for name in _ENDPOINTS:
            try:
                check_peer(str(endpoints.get(name, self.issuer)), self._hosts())
            except (NotAPeer, ValueError) as error:
                raise ProviderProblem(f"{self.code}: {name} is on a host of no setting") from error
        return endpoints

    def _keys(self, wait: Wait) -> KeySet:
        document = self._fetched(self._endpoints(wait)["jwks_uri"], wait)
        return KeySet.import_key_set(cast("Any", document))

    def _fetched(self, address: str, wait: Wait) -> dict[str, Any]:
        """A document of the provider, kept for some minutes, and for an hour where it hangs."""
        fresh: float
        document: dict[str, Any] | None
        fresh, document = caches["local"].get(f"provider:{address}", (0.0, None))
        if document is not None and time.monotonic() < fresh:
            return document
        session = bound(requests.Session(), self._hosts(), seconds=settings.PROVIDER_SECONDS)
        try:
            document = self._asked(lambda: _document(address, session), wait)
        except ProviderProblem:
            if document is None:
                raise
        else:
            kept = time.monotonic() + FRESH_SECONDS, document
            caches["local"].set(f"provider:{address}", kept, timeout=OLD_SECONDS)
        return document


def _document(address: str, session: requests.Session) -> dict[str, Any]:
    answer = session.get(address)
    answer.raise_for_status()
    document = answer.json()
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
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
