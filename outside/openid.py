"""A client of OpenID Connect providers, with PKCE, through Authlib and joserfc.

One class for citizens' providers (eligibility.providers) and the staff's (staff.door.openid).
"""

import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self, cast
from urllib.parse import urlsplit

import requests
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session
from django.core.cache import caches
from django.core.exceptions import ImproperlyConfigured
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from database.clock import known_now
from outside.dependencies import PAGES, TookTooLong, dependency
from outside.peers import NotAPeer, bound, check_peer

DOCUMENT_SECONDS = 0.4  # in all; a page waits for it
# Metadata and keys are used without asking again, and while the provider is down.
FRESH_SECONDS, OLD_SECONDS = 300, 3600
_LEEWAY = 60  # seconds by which the provider's clock may differ from ours
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]
_ENDPOINTS = [
    "authorization_endpoint",
    "token_endpoint",
    "userinfo_endpoint",
    "jwks_uri",
    "end_session_endpoint",
]


class ProviderProblem(Exception):
    """The provider can't be reached, or its answer is invalid."""


class Declined(Exception):
    """The person cancelled at the provider, or the answer is another flow's."""


class Wait:
    """Deadline of several calls to a provider, and the number of concurrent ones (`most`)."""

    def __init__(self, seconds: float, *, most: int) -> None:
        self._ends, self.most = time.monotonic() + seconds, most

    @property
    def seconds(self) -> float:
        return max(0.0, self._ends - time.monotonic())


@dataclass(frozen=True, kw_only=True)
class Client:
    """One provider of the settings, as its client sees it.

    `hosts` are further hosts of its endpoints, `acr` the accepted authentication context classes,
    `max_age` the oldest accepted sign-in there in seconds.
    """

    code: str
    issuer: str
    client_id: str
    client_secret: str
    scope: str = "openid"
    hosts: Collection[str] = ()
    acr: Collection[str] = ()
    max_age: int | None = None

    @classmethod
    def of_setting(cls, setting: str, values: Mapping[str, Any]) -> Self:
        """Raises ImproperlyConfigured, also for an issuer that is not asked over TLS."""
        try:
            client = cls(**values)
        except TypeError as error:
            raise ImproperlyConfigured(f"{setting}: {error}") from error
        parts = urlsplit(client.issuer)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
            raise ImproperlyConfigured(f"{setting}: {client.code} needs an https issuer.")
        return client

    def begin(self, *, redirect_uri: str) -> tuple[str, dict[str, str]]:
        """The address to send the browser to, and the secrets that `verified_claims` needs back.

        Calls the provider for DOCUMENT_SECONDS at most, and only while its metadata is not cached.
        Raises ProviderProblem.
        """
        state = {
            "state": secrets.token_urlsafe(24),
            "nonce": secrets.token_urlsafe(24),
            "code_verifier": secrets.token_urlsafe(48),
        }
        session = self._session(redirect_uri, seconds=DOCUMENT_SECONDS)
        address, _state = session.create_authorization_url(
            self.endpoints(Wait(DOCUMENT_SECONDS, most=PAGES))["authorization_endpoint"],
            **state,
            **self._strength(),
        )
        return address, state

    def verified_claims(
        self,
        answer: Mapping[str, str],
        *,
        state: Mapping[str, str],
        redirect_uri: str,
        wait: Wait,
        wanted: Collection[str] = (),
    ) -> dict[str, Any]:
        """Verified claims, from the query parameters of the provider's redirect.

        Those of `wanted` that the ID token lacks come from the userinfo document. Raises Declined
        if the person cancelled or the state is another flow's, ProviderProblem if the provider
        fails.
        """
        # As bytes: compare_digest refuses text outside ASCII.
        sent = answer.get("state", "").encode(errors="replace")
        if not secrets.compare_digest(sent, state["state"].encode()):
            raise Declined
        if "error" in answer:
            if answer["error"] in ("access_denied", "interaction_required", "login_required"):
                raise Declined
            # Anybody can call this address: only letters of an error code may reach the log.
            error = re.sub(r"[^a-z_]", "", answer["error"])[:40]
            raise ProviderProblem(f"{self.code}: {error}")
        with self._session(redirect_uri, seconds=wait.seconds) as session:
            return self._exchange(session, answer.get("code", ""), state, wait, wanted)

    def _exchange(
        self,
        session: OAuth2Session,
        code: str,
        state: Mapping[str, str],
        wait: Wait,
        wanted: Collection[str],
    ) -> dict[str, Any]:
        """Verified claims for an authorization code; raises ProviderProblem."""
        endpoints = self.endpoints(wait)
        token = self._call(
            lambda: session.fetch_token(
                endpoints["token_endpoint"], code=code, code_verifier=state["code_verifier"]
            ),
            wait,
        )
        try:
            claims = self._verified(token["id_token"], self._keys(wait), nonce=state["nonce"])
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise ProviderProblem(f"{self.code}: {type(error).__name__}") from error
        # Claims missing in the ID token may be in the userinfo document (OpenID Connect Core 5.3).
        if set(wanted) - set(claims) and "userinfo_endpoint" in endpoints:
            address = endpoints["userinfo_endpoint"]
            userinfo = self._call(lambda: _document(address, session), wait)
            # 5.3.2: the subject must be the same, or the document may be another person's.
            if userinfo.get("sub") == claims["sub"]:
                claims = {**userinfo, **claims}
        return claims

    def _call(self, call: Callable[[], dict[str, Any]], wait: Wait) -> dict[str, Any]:
        """Run `call`, which asks the provider; ProviderProblem if it fails or takes too long."""
        try:
            return dependency(f"provider-{self.code}").call(
                call, seconds=wait.seconds, most=wait.most, timeouts=(requests.Timeout,)
            )
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
        """Parameters of the authorization request for how strongly and lately to authenticate."""
        strength = {"acr_values": " ".join(self.acr)} if self.acr else {}
        return strength | ({} if self.max_age is None else {"max_age": str(self.max_age)})

    def _session(self, redirect_uri: str, *, seconds: float) -> OAuth2Session:
        session = OAuth2Session(
            self.client_id,
            self.client_secret,
            scope=self.scope,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )
        return bound(session, self._hosts(), seconds=seconds)

    def _verified(self, id_token: str, keys: KeySet, *, nonce: str) -> dict[str, Any]:
        """The claims of an ID token after checking signature, issuer, audience, time, nonce, and
        where they are set `acr` and `max_age`. Raises JoseError or ValueError."""
        token = jwt.decode(id_token, keys, algorithms=_ALGORITHMS)
        now = int(known_now().timestamp())
        required: dict[str, Any] = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self.client_id},
            "nonce": {"essential": True, "value": nonce},
            "exp": {"essential": True},
            "sub": {"essential": True},
        }
        if self.acr:
            required["acr"] = {"essential": True, "values": list(self.acr)}
        if self.max_age is not None:
            required["auth_time"] = {"essential": True}
        jwt.JWTClaimsRegistry(now=now, leeway=_LEEWAY, **required).validate(token.claims)
        claims: dict[str, Any] = token.claims
        if self.max_age is not None and int(claims["auth_time"]) < now - self.max_age - _LEEWAY:
            raise ValueError("signed in there too long ago")
        return claims

    def endpoints(self, wait: Wait) -> dict[str, str]:
        """The provider's metadata; ProviderProblem for another issuer or a host of no setting."""
        address = f"{self.issuer.rstrip('/')}/.well-known/openid-configuration"
        endpoints = self._fetched(address, wait)
        # OpenID Connect Discovery 4.3: the document must be the configured issuer's own.
        if str(endpoints.get("issuer", "")).rstrip("/") != self.issuer.rstrip("/"):
            raise ProviderProblem(f"{self.code}: speaks for another issuer")
        for name in _ENDPOINTS:
            try:
                check_peer(str(endpoints.get(name, self.issuer)), self._hosts())
            except (NotAPeer, ValueError) as error:
                raise ProviderProblem(f"{self.code}: {name} is on a host of no setting") from error
        return endpoints

    def _keys(self, wait: Wait) -> KeySet:
        document = self._fetched(self.endpoints(wait)["jwks_uri"], wait)
        return KeySet.import_key_set(cast("Any", document))

    def _fetched(self, address: str, wait: Wait) -> dict[str, Any]:
        """A document of the provider: cached for FRESH_SECONDS, up to OLD_SECONDS if it fails."""
        fresh: float
        document: dict[str, Any] | None
        fresh, document = caches["local"].get(f"provider:{address}", (0.0, None))
        if document is not None and time.monotonic() < fresh:
            return document
        session = bound(requests.Session(), self._hosts(), seconds=wait.seconds)
        try:
            document = self._call(lambda: _document(address, session), wait)
        except ProviderProblem:
            if document is None:
                raise
        else:
            entry = time.monotonic() + FRESH_SECONDS, document
            caches["local"].set(f"provider:{address}", entry, timeout=OLD_SECONDS)
        return document


def _document(address: str, session: requests.Session) -> dict[str, Any]:
    answer = session.get(address)
    answer.raise_for_status()
    document = answer.json()
    if not isinstance(document, dict):
        raise ValueError("no JSON object")
    return document
