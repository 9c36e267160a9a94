"""Telling users what changed about their account, and who did it.

An intruder changes how an account is signed in to, or its role. Its owner hears of it by
e-mail at once, where the account has an address, and reads it at the next sign-in in any case.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from database.clock import database_now
from messaging.enums import Channel
from messaging.receivers import BadReceiver
from messaging.services import write_message
from staff.enums import NoticeKind, Role
from staff.models import Notice, User
from staff.names import actor_name, browser_name

log = logging.getLogger(__name__)

SHOWN = 20  # on the account's page

TEXTS = {
    NoticeKind.ROLE: gettext_lazy("The role is now: %(role)s."),
    NoticeKind.EMAIL: gettext_lazy("The e-mail address of the account was changed."),
    NoticeKind.SWITCHED_ON: gettext_lazy("The account was switched on."),
    NoticeKind.SWITCHED_OFF: gettext_lazy("The account was switched off."),
    NoticeKind.LINK: gettext_lazy("A link was made with which a password can be set."),
    NoticeKind.PASSWORD: gettext_lazy("The password was changed."),
    NoticeKind.AUTHENTICATOR: gettext_lazy(
        "An authenticator app was set up, with new recovery codes."
    ),
    NoticeKind.CODES: gettext_lazy("New recovery codes were made; the old ones ended."),
    NoticeKind.FACTOR_REMOVED: gettext_lazy("The second factor and all passkeys were removed."),
    NoticeKind.PASSKEY_ADDED: gettext_lazy("A passkey was added: %(name)s."),
    NoticeKind.PASSKEY_REMOVED: gettext_lazy("A passkey was removed: %(name)s."),
    NoticeKind.OPENID: gettext_lazy("From now on %(name)s signs in to this account too."),
    NoticeKind.OPENID_REMOVED: gettext_lazy("%(name)s does not sign in to this account any more."),
    NoticeKind.NEW_BROWSER: gettext_lazy(
        "Signed in, from %(address)s, in a browser that was not used before: %(agent)s"
    ),
    NoticeKind.WRONG_CODES: gettext_lazy(
        "From %(address)s the right password was typed, and then wrong codes. Somebody may know "
        "the password."
    ),
}


def notify(user: User, kind: NoticeKind, *, by: str, to: str = "", **data: Any) -> Notice:
    """Record a notice, and write it to the account's address, or to `to`, in the caller's
    transaction."""
    notice = Notice.objects.create(user=user, kind=kind, by=by, data=data)
    address = to or user.email
    if address:
        try:
            with transaction.atomic():
                write_message(
                    key=f"account:{notice.pk}",
                    kind="account",
                    channel=Channel.EMAIL,
                    to=address,
                    text=_letter(notice),
                )
        except BadReceiver:
            log.warning("account %s has an address that nobody can be written to at", user.pk)
    return notice


# Typed by people or sent by their browsers: shown on the account's page, never in a message, where
# an intruder's words would be read as the portal's.
_FREE_TEXTS = ("name", "agent")


def sentence(notice: Notice) -> str:
    """What happened, in the language of the page."""
    data = dict(notice.data)
    if "agent" in data:
        data["agent"] = browser_name(data["agent"] or "")
    return _sentence(notice, data)


def _sentence(notice: Notice, data: dict[str, Any]) -> str:
    if "role" in data:
        data["role"] = dict(Role.choices).get(data["role"], "–")
    return str(TEXTS[NoticeKind(notice.kind)]) % defaultdict(lambda: "–", data)


def _letter(notice: Notice) -> str:
    """In every language: what an account's owner reads is not known."""
    return "\n\n".join(_in(code, lambda: _paragraph(notice)) for code in settings.STAFF_LANGUAGES)


def _in(language: str, text: Callable[[], str]) -> str:
    with translation.override(language):
        return text()


def _paragraph(notice: Notice) -> str:
    return _(
        "[Jari] Account %(user)s, %(at)s: %(what)s By: %(by)s. Was it not you, and do you not "
        "know why? Tell your manager or the operator at once."
    ) % {
        "user": notice.user.get_username(),
        "at": f"{timezone.localtime(database_now()):%Y-%m-%d %H:%M}",
        "what": _sentence(
            notice,
            dict(notice.data)
            | {name: _("(shown on the page of your account)") for name in _FREE_TEXTS},
        ),
        "by": actor_name(notice.by),
    }


def lines(notices: Iterable[Notice]) -> list[tuple[datetime, str, str]]:
    """When, what and by whom, for a page."""
    rows = list(notices)
    names = {by: actor_name(by) for by in {row.by for row in rows}}
    return [(row.at, sentence(row), names[row.by]) for row in rows]


def unread(user: User) -> QuerySet[Notice]:
    return user.notices.filter(read_at=None).order_by("at", "pk")


def mark_read(user: User, *, until: int) -> None:
    """Those up to the one with this number: later ones were not on the page."""
    unread(user).filter(pk__lte=until).update(read_at=database_now())
