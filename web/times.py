"""Times in texts that are not HTML; pages have the tags of web.templatetags.times."""

from datetime import date, datetime, time
from functools import lru_cache

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

# Times kept in each process: pages of a crowd show the same few, and to write one anew took a tenth
# of the page.
MOST = 4096


def moment(at: datetime) -> str:
    """A day and its hour, local and in the reader's language, without the year."""
    return _moment(at, get_language())


@lru_cache(MOST)
def _moment(at: datetime, _language: str | None) -> str:
    return f"{date_format(timezone.localtime(at), _('D j M,'))} {hour_of(at)}"


def dated_moment(at: datetime) -> str:
    """A `moment` with its year, for what goes back to earlier ones."""
    return f"{date_format(timezone.localtime(at), _('D j M Y,'))} {hour_of(at)}"


def day_in(form: str, on: date) -> str:
    """A day in a format of the reader's language, such as _("j F Y")."""
    return _day_in(form, on, get_language())


@lru_cache(MOST)
def _day_in(form: str, on: date, _language: str | None) -> str:
    return date_format(on, form)


def hour_of(at: datetime | time) -> str:
    """A local time of day as the reader's language says it, on every page and in every message:
    오후 2:30, or 14:30. Only clocks, which show seconds, are alike in all languages."""
    return _hour_of(at, get_language())


@lru_cache(MOST)
def _hour_of(at: datetime | time, _language: str | None) -> str:
    local = timezone.localtime(at) if isinstance(at, datetime) else at
    form = pgettext("a time of day", "H:i")
    # The first hour of a day is 오전 0:30 in Korean, not 오전 12:30.
    return time_format(local, form if local.hour else form.replace("g", "G"))
