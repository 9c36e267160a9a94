"""Messages about reservations and offers; they name day and clinic: long ones on purpose."""

from datetime import UTC, datetime

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from booking.enums import ClosureReason
from messaging.enums import Channel
from messaging.wordings import NO_TOKEN, Variable, Wording, page_address
from web.language import reads_korean
from web.times import moment

CONFIRMED, CHANGED, CANCELLED, RESTORED = "confirmed", "changed", "cancelled", "restored"
REMINDER, OFFER, CLOSED = "reminder", "offer", "closed"

# A long value of each variable: a Thursday in December, and a centre with a long name.
_AT = datetime(2026, 12, 31, 5, 30, tzinfo=UTC)
_NUMBER = "K7M2Q9XW4T"


def appointment_line(dose: int, when: str, clinic: str, number: str) -> str:
    return _("Dose %(dose)d: %(when)s, %(clinic)s, number %(number)s") % {
        "dose": dose,
        "when": when,
        "clinic": clinic,
        "number": number,
    }


def _clinic() -> str:
    korean = "영등포구 예방접종센터"
    return korean if reads_korean() else f"Yeongdeungpo-gu Vaccination Centre ({korean})"


def _lines(*doses: int) -> str:
    return "\n".join(appointment_line(dose, moment(_AT), _clinic(), _NUMBER) for dose in doses)


CLINIC = Variable("clinic", gettext_lazy("clinic"), _clinic)
_APPOINTMENTS = Variable(
    "appointments", gettext_lazy("a line for each dose: day, clinic, number"), lambda: _lines(1, 2)
)
_APPOINTMENT = Variable("appointment", gettext_lazy("dose, day, clinic, number"), lambda: _lines(2))
_RECEIPT = page_address("reservation", _NUMBER)


def _wording(
    code: str, label: Promise, sms: Promise, mail: Promise, *variables: Variable
) -> Wording:
    texts = {Channel.SMS: sms, Channel.EMAIL: mail}
    return Wording(code, label, texts, variables, is_long=True)


WORDINGS = [
    _wording(
        CONFIRMED,
        gettext_lazy("appointment booked"),
        pgettext_lazy("sms", "[Jari] Your vaccination is booked.\n{appointments}\n{address}"),
        pgettext_lazy(
            "mail",
            "Your vaccination is booked\n\n{appointments}\n\n"
            "You can change or cancel it on the page of your reservation.\n\n{address}",
        ),
        _APPOINTMENTS,
        _RECEIPT,
    ),
    _wording(
        CHANGED,
        gettext_lazy("appointment moved"),
        pgettext_lazy("sms", "[Jari] Your appointment was changed.\n{appointment}\n{address}"),
        pgettext_lazy("mail", "Your appointment was changed\n\n{appointment}\n\n{address}"),
        _APPOINTMENT,
        _RECEIPT,
    ),
    _wording(
        CANCELLED,
        gettext_lazy("appointment cancelled"),
        pgettext_lazy("sms", "[Jari] Your appointment was cancelled.\n{appointments}"),
        pgettext_lazy("mail", "Your appointment was cancelled\n\n{appointments}"),
        _APPOINTMENTS,
    ),
    _wording(
        RESTORED,
        gettext_lazy("appointment stands again"),
        pgettext_lazy("sms", "[Jari] Your appointment stands again.\n{appointments}"),
        pgettext_lazy("mail", "Your appointment stands again\n\n{appointments}"),
        _APPOINTMENTS,
    ),
    _wording(
        REMINDER,
        gettext_lazy("reminder of the day before"),
        pgettext_lazy(
            "sms",
            "[Jari] Your vaccination is tomorrow.\n{appointment}\n{place}\n{before}\n{address}",
        ),
        pgettext_lazy(
            "mail",
            "Your vaccination is tomorrow\n\n{appointment}\n{place}\n\n"
            "Bring an identity card.\n\n{before}\n{address}",
        ),
        _APPOINTMENT,
        Variable(
            "place",
            gettext_lazy("address of the clinic"),
            lambda: "서울특별시 영등포구 여의대방로53길 22, 2층",
        ),
        Variable(
            "before",
            gettext_lazy("what can be done before, such as the questions"),
            lambda: _("You can answer the questions before the vaccination at home:"),
            needed=False,
        ),
        _RECEIPT,
    ),
    _wording(
        OFFER,
        gettext_lazy("offer from the cancellation list"),
        pgettext_lazy(
            "sms",
            "[Jari] A place is free: {when}, {clinic}.\n"
            "We keep it for you for {minutes} minutes, until {until}.\n{address}",
        ),
        pgettext_lazy(
            "mail",
            "A place is free: {when}, {clinic}\n\n"
            "We keep it for you for {minutes} minutes, until {until}.\n\n{address}",
        ),
        Variable("when", gettext_lazy("day and hour"), lambda: moment(_AT)),
        CLINIC,
        Variable("minutes", gettext_lazy("number of minutes"), lambda: "120", needed=False),
        Variable("until", gettext_lazy("time of day"), lambda: "14:30"),
        page_address("offer", NO_TOKEN),
    ),
    _wording(
        CLOSED,
        gettext_lazy("hours closed by the clinic"),
        pgettext_lazy("sms", "[Jari] {reason}\n{outcome}\n{address}"),
        pgettext_lazy(
            "mail",
            "About your vaccination appointment\n\n{reason}\n\n{outcome}\n\n{address}",
        ),
        Variable(
            "reason",
            gettext_lazy("which clinic can't work when, and why"),
            lambda: (
                _("%(clinic)s cannot vaccinate on %(when)s. %(reason)s.")
                % {"clinic": _clinic(), "when": moment(_AT), "reason": ClosureReason.BUILDING.label}
            ),
        ),
        Variable(
            "outcome",
            gettext_lazy("moved or cancelled, and what can be done now"),
            lambda: "\n".join(
                [
                    _("Your appointment had to be cancelled:"),
                    _lines(1, 2),
                    _(
                        "You are first on the cancellation list, and can book again without "
                        "queueing."
                    ),
                ]
            ),
        ),
        _RECEIPT,
    ),
]
