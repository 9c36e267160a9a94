"""The beginning of a recall's message; the authority writes the rest for each recall."""

from django.utils.translation import gettext_lazy, pgettext_lazy

from booking.wordings import CLINIC
from messaging.enums import Channel
from messaging.wordings import Variable, Wording

RECALL = "recall"

_VARIABLES = (
    Variable("day", gettext_lazy("day"), lambda: "2026-12-31"),
    CLINIC,
    Variable("vaccine", gettext_lazy("vaccine"), lambda: "Comirnaty"),
    Variable("lot", gettext_lazy("lot"), lambda: "FK9408-KR1"),
)

WORDINGS = [
    Wording(
        RECALL,
        gettext_lazy("message about a lot"),
        {
            Channel.SMS: pgettext_lazy(
                "sms",
                "[Jari] About your vaccination on {day} at {clinic} ({vaccine}, lot {lot}):",
            ),
            Channel.EMAIL: pgettext_lazy(
                "mail",
                "About your vaccination\n\n"
                "It is about {vaccine}, lot {lot}, which you got on {day} at {clinic}:",
            ),
        },
        _VARIABLES,
        is_long=True,
    )
]
