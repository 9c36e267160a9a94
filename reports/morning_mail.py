"""The figures of the day before by mail, each morning at six, to staff who asked for them.

A mail has counts and a link to the dashboard, for which one signs in. It leaves the portal, so it
gives no count of fewer than five people.
"""

import logging
from datetime import date, datetime, time, timedelta
from urllib.parse import urlencode

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from database import signing
from database.clock import database_now
from messaging.enums import Channel
from messaging.receivers import BadReceiver, checked_receiver
from messaging.services import write_message
from reports.dashboard import Figures, Scope, may_see
from reports.models import Measure, MorningSubscription
from reports.suppression import LEAST
from staff.models import User
from staff.scoping import sees_everything
from web.public import public_url

log = logging.getLogger(__name__)

KIND = "morning"
AT = time(6)
LINK_DAYS = 3
_SALT = "reports.morning_mail"


class NoAddress(Exception):
    """The account has no address that can be written to."""


class BadLink(Exception):
    """The link is forged, too old, another account's or of an address that changed since."""


def has_address(user: User) -> bool:
    try:
        checked_receiver(Channel.EMAIL, user.email)
    except BadReceiver:
        return False
    return True


def subscription_of(user: User) -> MorningSubscription | None:
    return MorningSubscription.objects.filter(user=user).first()


@transaction.atomic
def subscribe(*, user: User, language: str) -> MorningSubscription:
    """Subscribe, and write to the account's address a link by which it is confirmed; a confirmed
    one only changes its language. Raises NoAddress."""
    if not has_address(user):
        raise NoAddress
    row, _new = MorningSubscription.objects.get_or_create(
        user=user, defaults={"email": user.email, "language": language}
    )
    if row.email != user.email:
        row.email, row.confirmed_at = user.email, None
    row.language = language
    row.save(update_fields=["email", "language", "confirmed_at"])
    if row.confirmed_at is None:
        _write_link(row)
    return row


def _write_link(row: MorningSubscription) -> None:
    code = signing.dumps([row.user_id, row.email], salt=_SALT)
    with translation.override(row.language):
        text = _(
            "[Jari] Account %(user)s wants the figures of each morning at this address. Sign in "
            "and open this link to confirm it; it holds for %(days)s days: %(url)s"
        ) % {
            "user": row.user.get_username(),
            "days": LINK_DAYS,
            "url": _address("morning_mail", code=code),
        }
    # One a minute at most, however often the button is pressed.
    minute = f"{timezone.localtime(database_now()):%Y%m%d%H%M}"
    write_message(
        key=f"{KIND}-address:{row.user_id}:{minute}",
        kind=KIND,
        channel=Channel.EMAIL,
        to=row.email,
        text=text,
    )


@transaction.atomic
def confirm(*, user: User, code: str) -> None:
    """Confirm the address of the link for this account; raises BadLink."""
    try:
        signed = signing.loads(code, salt=_SALT, max_age=timedelta(days=LINK_DAYS))
    except signing.BadSignature:
        raise BadLink from None
    row = MorningSubscription.objects.select_for_update().filter(user=user).first()
    if row is None or signed != [user.pk, row.email] or row.email != user.email:
        raise BadLink
    if row.confirmed_at is None:
        now = timezone.localtime(database_now())
        row.confirmed_at = now
        # The first mail is that of a morning to come.
        row.written_on = now.date() if now.time() >= AT else None
        row.save(update_fields=["confirmed_at", "written_on"])


def unsubscribe(*, user: User) -> None:
    MorningSubscription.objects.filter(user=user).delete()


def _due(today: date) -> QuerySet[MorningSubscription]:
    unwritten = Q(written_on=None) | Q(written_on__lt=today)
    return MorningSubscription.objects.filter(unwritten, confirmed_at__isnull=False)


def write_due() -> int:
    """Write the mails of this morning that are not written yet; returns how many."""
    now = timezone.localtime(database_now())
    if now.time() < AT:
        return 0
    due = _due(now.date()).order_by("pk").values_list("pk", flat=True)
    written = 0
    for pk in list(due):
        try:
            written += _write(pk, now)
        except Exception:
            # One mail that can't be written must not stop those behind it.
            log.exception("the mail of subscription %s could not be written", pk)
    return written


@transaction.atomic
def _write(pk: int, now: datetime) -> bool:
    # Another worker that has the row writes its mail.
    locked = _due(now.date()).select_for_update(of=("self",), skip_locked=True)
    row = locked.select_related("user").filter(pk=pk).first()
    if row is None:
        return False
    user = row.user
    if not may_see(user):
        row.delete()
        log.info("account %s gets no figures by mail any more: it may not see them", user.pk)
        return False
    if row.email != user.email:
        MorningSubscription.objects.filter(pk=pk).update(confirmed_at=None)
        return False
    MorningSubscription.objects.filter(pk=pk).update(written_on=now.date())
    return write_message(
        key=f"{KIND}:{user.pk}:{now.date()}",
        kind=KIND,
        channel=Channel.EMAIL,
        to=row.email,
        text=text_of(scope_of(user, now.date()), row.language),
        not_after=timezone.make_aware(datetime.combine(now.date(), time.max)),
    )


def scope_of(user: User, today: date) -> Scope:
    """The day before `today` in the area that the user may see."""
    yesterday, country = today - timedelta(days=1), sees_everything(user)
    return Scope(
        region="" if country else user.region,
        district="" if country else user.district,
        first=yesterday,
        last=yesterday,
        today=today,
    )


def text_of(scope: Scope, language: str) -> str:
    """The mail of a scope of one day."""
    with translation.override(language):
        figures, day = Figures(scope), scope.last
        counts = [
            (_("First doses"), figures.on(Measure.FIRST, day)),
            (_("All doses"), figures.on(Measure.DOSES, day)),
            (_("Appointments of the day"), figures.on(Measure.DUE, day)),
            (_("Did not come"), figures.on(Measure.NO_SHOWS, day)),
            (_("First doses until then"), figures.total(Measure.FIRST, "until")),
            (_("First doses booked ahead"), figures.total(Measure.AHEAD, "newest", "coming")),
        ]
        title = _("[Jari] Figures of %(day)s, %(area)s") % {
            "day": day,
            "area": scope.area_name,
        }
        counted = figures.counted_at
        as_of = _("Counted at %(at)s.") % {
            "at": f"{timezone.localtime(counted):%Y-%m-%d %H:%M}" if counted else "–"
        }
        url = _address("dashboard", first=str(day), last=str(day))
        return "\n".join(
            [
                title,
                *(f"{name}: {_count(count)}" for name, count in counts),
                as_of,
                "",
                _("The dashboard, after signing in: %(url)s") % {"url": url},
                _("To stop these mails: %(url)s") % {"url": _address("morning_mail")},
            ]
        )


def _count(number: int) -> str:
    if 0 < number < LEAST:
        return _("fewer than %(least)s") % {"least": LEAST}
    return f"{number:,}"


def _address(name: str, **query: str) -> str:
    return public_url(f"admin:{name}") + (f"?{urlencode(query)}" if query else "")
