"""Sessions of citizens: a signed cookie and no session row, which saves statements at the opening.

The cookie is a `Claim`. Whether its session has ended is one rule, in eligibility/sql and as a twin
in Python; the busiest pages ask for it within the statement that they make anyway.
"""

import hashlib
import hmac
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache

from django.conf import settings
from django.core.signing import b64_encode
from django.db import connection
from django.db.models import DateTimeField, Func, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from database import signing
from database.clock import known_now
from eligibility.models import Person, Proxy
from web import cookies
from web.language import used_language

log = logging.getLogger(__name__)

COOKIE = cookies.named("jari_who")
_SALT = "eligibility.who"
_USUAL_LENGTH = 200  # a longer one is none of ours, and not kept
# Session.sees_from of a person's own session.
EVERYTHING_FROM = datetime.fromtimestamp(0, tz=UTC)


@dataclass(frozen=True)
class Claim:
    """The content of a valid sign-in cookie; its session may have ended since.

    `SESSION` or `SeesFrom` ask for it within another statement, `signed_in` in one of its own.
    """

    person_id: int
    # When the person, or the proxy who acts for them, proved their identity.
    verified_at: datetime
    # Person.session_generation at signing in.
    generation: int = 0
    # The proxy who signed in and acts for this person; None in a person's own session.
    by_id: int | None = None
    by_generation: int = 0
    # The session acts for another person, or did: pages made for another person may still be open.
    has_acted: bool = False

    @property
    def number(self) -> int:
        """Number of the session among those of who signed in: when, in microseconds."""
        return session_number(self.verified_at)

    @property
    def values(self) -> dict[str, int | None]:
        """The query parameters of `SESSION`."""
        return {
            "claim_person": self.person_id,
            "claim_generation": self.generation,
            "claim_by": self.by_id,
            "claim_by_generation": self.by_generation,
            "claim_number": self.number,
        }

    def session(self, sees_from: datetime | None) -> "Session | None":
        """The session, given what eligibility_session returned for this claim."""
        if sees_from is None:
            return None
        return Session(self.person_id, self.verified_at, self.by_id, sees_from)


@dataclass(frozen=True)
class Session:
    """A session that the database has confirmed: the person, and the proxy who acts if any."""

    person_id: int
    verified_at: datetime
    by_id: int | None
    # Rows made earlier are hidden: EVERYTHING_FROM, later only where a proxy acts.
    sees_from: datetime

    def may_see(self, made_at: datetime) -> bool:
        return made_at >= self.sees_from


# For the FROM of a statement, with the parameters `Claim.values`: one row, `session.person_id` and
# `session.sees_from` (for `Claim.session`), both NULL when the session has ended.
SESSION = """
eligibility_session(
    %(claim_person)s, %(claim_generation)s, %(claim_by)s, %(claim_by_generation)s,
    %(claim_number)s
) AS session
"""


class SeesFrom(Func):
    """`sees_from` of SESSION as an annotation of a queryset."""

    function = "eligibility_session"
    template = "(%(function)s(%(expressions)s)).sees_from"
    output_field = DateTimeField(null=True)

    def __init__(self, claim: Claim) -> None:
        super().__init__(*(Value(value) for value in claim.values.values()))


def session_from_rows(claim: Claim, person: Person | None, proxy: Proxy | None) -> Session | None:
    """The session of a claim by the rows it depends on; None when it has ended.

    Twin of eligibility/sql/eligibility_session, for pages that read the person anyway. `proxy` is
    the person's live proxy with its `by`.
    """
    if person is None or person.session_generation != claim.generation:
        return None
    if claim.by_id is None:
        has_ended = claim.number in person.ended_sessions
        return None if has_ended else claim.session(EVERYTHING_FROM)
    if proxy is None or proxy.by_id != claim.by_id:
        return None
    if proxy.by.session_generation != claim.by_generation:
        return None
    if claim.number in proxy.by.ended_sessions:
        return None
    return claim.session(EVERYTHING_FROM if proxy.shows_earlier else proxy.declared_at)


# Attributes of a request: its claim, and its session once the database was asked.
_CLAIM, _SESSION = "_jari_claim", "_jari_session"


def claim_of(request: HttpRequest) -> Claim | None:
    """The claim in this browser's cookie."""
    attributes = vars(request)
    if _CLAIM not in attributes:
        attributes[_CLAIM] = read_cookie(request.COOKIES.get(COOKIE, ""))
    claim: Claim | None = attributes[_CLAIM]
    return claim


def set_session(request: HttpRequest, session: Session | None) -> None:
    """Store what a statement returned for this request's claim; None when the session has ended."""
    vars(request)[_SESSION] = session


def signed_in(request: HttpRequest) -> Session | None:
    """The session of this request; None when there is none or it has ended.

    One statement, unless `set_session` was called before: so signing out everywhere works at once.
    """
    attributes = vars(request)
    if _SESSION not in attributes:
        claim = claim_of(request)
        attributes[_SESSION] = find_session(claim) if claim else None
    session: Session | None = attributes[_SESSION]
    return session


def session_of(request: HttpRequest) -> Session:
    """The session of this request, in a view that no other request reaches (views.asks)."""
    session = signed_in(request)
    assert session
    return session


def named(request: HttpRequest) -> Session | Claim | None:
    """The person to greet on a page, also during an outage of the database; opens nothing."""
    return signed_in(request) if _SESSION in vars(request) else claim_of(request)


def find_session(claim: Claim) -> Session | None:
    """The session of a claim, in a statement of its own; None when it has ended."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT session.sees_from FROM {SESSION}", claim.values)  # noqa: S608
        return claim.session(cursor.fetchone()[0])


def person_of(request: HttpRequest) -> Person | None:
    """The person of this request's session, read in the statement that checks the session."""
    claim = claim_of(request)
    if claim is None:
        return None
    person = Person.objects.filter(pk=claim.person_id).first()
    proxy = None
    if claim.by_id:
        live = Proxy.objects.filter(person=claim.person_id, ended_at=None)
        proxy = live.select_related("by").first()
    session = session_from_rows(claim, person, proxy)
    set_session(request, session)
    return person if session else None


class _Signer(signing.Signer):
    """Django's own, with the key derived once: deriving it costs as much as the check itself."""

    def signature(self, value: str | bytes, key: str | bytes | None = None) -> str:
        derived = _derived_key(self.salt, key or self.key)
        signed = value.encode() if isinstance(value, str) else value
        return b64_encode(hmac.digest(derived, signed, "sha256")).decode()


@cache
def _derived_key(salt: str, key: str) -> bytes:
    return hashlib.sha256(f"{salt}signer{key}".encode()).digest()


@cache
def _signer(key: str, fallbacks: tuple[str, ...]) -> _Signer:
    return _Signer(key=key, fallback_keys=list(fallbacks), salt=_SALT)


# Numbers older than any cookie are dropped. Beyond `most`, which no person reaches who does not try
# to, the generation ends all sessions, so that the row stays small.
_END = """
UPDATE eligibility_person SET
    session_generation = session_generation + (cardinality(ended_sessions) >= %(most)s)::int,
    ended_sessions = CASE WHEN cardinality(ended_sessions) >= %(most)s THEN '{}' ELSE ARRAY(
        SELECT number FROM unnest(ended_sessions) AS number WHERE number > %(oldest)s
    ) || %(number)s::bigint END
WHERE id = %(person)s AND %(number)s <> ALL (ended_sessions)
"""
_MOST_ENDED = 100


def end_session(session: Session) -> None:
    """End this session, wherever its cookie was copied to; those of other browsers go on."""
    oldest = known_now() - timedelta(days=settings.IDENTITY_DAYS + 1)
    values = {
        "person": session.by_id or session.person_id,
        "number": session_number(session.verified_at),
        "oldest": session_number(oldest),
        "most": _MOST_ENDED,
    }
    with connection.cursor() as cursor:
        cursor.execute(_END, values)


def end_session_before(request: HttpRequest) -> None:
    """End the session that this browser still has: a new one takes its place."""
    session = signed_in(request)
    if session:
        end_session(session)


def session_number(verified_at: datetime) -> int:
    return (verified_at - EVERYTHING_FROM) // timedelta(microseconds=1)


def read_cookie(cookie: str) -> Claim | None:
    """The claim of a cookie's value; None if the signature is wrong or older than IDENTITY_DAYS."""
    read = _claim if len(cookie) <= _USUAL_LENGTH else _claim.__wrapped__
    claim = read(cookie, settings.SECRET_KEY, tuple(settings.SECRET_KEY_FALLBACKS))
    if claim is None or claim.verified_at + timedelta(days=settings.IDENTITY_DAYS) < known_now():
        return None
    return claim


# Kept: a person shows the same cookie on each page of their way.
@lru_cache(maxsize=20_000)
def _claim(cookie: str, key: str, fallbacks: tuple[str, ...]) -> Claim | None:
    try:
        person_id, stamp, generation, *by = _signer(key, fallbacks).unsign_object(cookie)
    except (signing.BadSignature, ValueError):
        return None
    by_id, by_generation = by or (None, 0)
    return Claim(
        person_id,
        datetime.fromtimestamp(stamp, tz=UTC),
        generation,
        by_id,
        by_generation,
        has_acted=bool(by),
    )


def sign_in(
    response: HttpResponse,
    *,
    person_id: int,
    by_id: int | None = None,
    verified_at: datetime | None = None,
    generation: int | None = None,
    has_acted: bool = False,
) -> None:
    """Set the session cookie.

    A proxy passes their own `verified_at`, so that acting ends with their own session, and their
    id as `by_id`: the person who proved a phone. `generation` is read from the database unless
    given.
    """
    # To the microsecond: it tells the sessions of one person apart.
    stamp = (verified_at or known_now()).timestamp()
    value: list[float | None] = [person_id, stamp]
    value.append(_generation(person_id) if generation is None else generation)
    if by_id:
        value += [by_id, _generation(by_id)]
    elif has_acted:
        value += [None, 0]
    response.set_cookie(
        COOKIE,
        signing.dumps(value, salt=_SALT),
        max_age=settings.IDENTITY_DAYS * 86400,
        httponly=True,
        samesite="Lax",
        secure=settings.CSRF_COOKIE_SECURE,
    )


def log_sign_in(request: HttpRequest, person: Person, by: str) -> None:
    """By a phone code, or the code of a provider."""
    log.info("signed in: person %s by %s", person.pk, by, extra={"request": request})


def _generation(person_id: int) -> int:
    generations = Person.objects.filter(pk=person_id).values_list("session_generation", flat=True)
    return generations.first() or 0


def sign_out(response: HttpResponse) -> None:
    response.delete_cookie(COOKIE, samesite="Lax")


def to_identity(back_to: str, *, typed_is_kept: bool = False) -> HttpResponse:
    """Redirect to the identity page, which leads on to `back_to`.

    `typed_is_kept`: it says that what was typed waits there.
    """
    query = {"next": back_to} | ({"kept": "1"} if typed_is_kept else {})
    return redirect(f"{reverse('identity')}?{urlencode(query)}")


def region_of_reader(request: HttpRequest) -> str:
    """The region of the person whom this request's pages are for; "" without a session."""
    session = signed_in(request)
    if session is None:
        return ""
    regions = Person.objects.filter(pk=session.person_id).values_list("region", flat=True)
    return regions.first() or ""


def remember_chosen_language(request: HttpRequest) -> None:
    """Write to the signed-in person in the active language from now on; not to whom they act for.

    The claim suffices: whose session has ended has read this language all the same.
    """
    claim = claim_of(request)
    if claim is not None:
        language = used_language()
        person = Person.objects.filter(pk=claim.by_id or claim.person_id)
        person.exclude(language=language).update(language=language)
