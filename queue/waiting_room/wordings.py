"""Messages about a place in the line."""

from django.utils.translation import gettext_lazy, pgettext_lazy

from messaging.enums import Channel
from messaging.wordings import Variable, Wording, page_address
from web.language import reads_korean

CALLED, SOON = "called", "soon"


def _cohort() -> str:
    return "75세 이상(1951년 이전 출생)" if reads_korean() else "75 and older (born before 1952)"


# The text message leads to the person's own place, whose address is short enough for 90 bytes; the
# mail to the ticket.
_VARIABLES = (
    page_address("own_place"),
    Variable("cohort", gettext_lazy("cohort"), _cohort, needed=False),
)

WORDINGS = [
    Wording(
        CALLED,
        gettext_lazy("it is your turn"),
        {
            Channel.SMS: pgettext_lazy(
                "sms", "[Jari] It is your turn. It is kept until the line closes.\n{address}"
            ),
            Channel.EMAIL: pgettext_lazy(
                "mail",
                "It is your turn to book ({cohort})\n\n"
                "Enter when it suits you; your turn stays yours until the line closes.\n\n"
                "{address}",
            ),
        },
        _VARIABLES,
    ),
    Wording(
        SOON,
        gettext_lazy("ten minutes until the turn"),
        {
            Channel.SMS: pgettext_lazy(
                "sms", "[Jari] About ten minutes until your turn.\n{address}"
            ),
            Channel.EMAIL: pgettext_lazy(
                "mail",
                "About ten minutes until your turn ({cohort})\n\n"
                "You need not do anything yet. When it is your turn, we write again.\n\n"
                "{address}",
            ),
        },
        _VARIABLES,
    ),
]
