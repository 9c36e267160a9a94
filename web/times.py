"""Times in texts that are not HTML; pages have the tags of web.templatetags.times."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def moment(at: datetime) -> str:
    """A day and its hour, local and in the reader's language, without the year."""
    return f"{date_format(timezone.localtime(at), _('D j M,'))} {hour_of(at)}"


def hour_of(at: datetime) -> str:
    """A local time of day as the reader's language says it: 오후 2:30, or 14:30."""
    local = timezone.localtime(at)
    form = pgettext("a time of day", "H:i")
    # The first hour of a day is 오전 0:30 in Korean, not 오전 12:30.
    return date_format(local, form if local.hour else form.replace("g", "G"))
