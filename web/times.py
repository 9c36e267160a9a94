"""Times in texts that are not HTML; pages have the tags of web.templatetags.times."""

from datetime import datetime

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _


def moment(at: datetime) -> str:
    """A day and its hour, local and in the reader's language, without the year."""
    return date_format(timezone.localtime(at), _("D j M, H:i"))
