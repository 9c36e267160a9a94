"""Messages about who people are, what they may book, and who books for them."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from messaging.enums import Channel
from messaging.wordings import NO_TOKEN, Variable, Wording, page_address

CODE, CALL = "code", "code_call"
PROXY_ASKED, PROXY_BEGAN, PROXY_ENDED = "proxy_asked", "proxy_began", "proxy_ended"
OTHER_PHONE = "phone"
REVIEW_GRANTED, REVIEW_REFUSED = "review_granted", "review_refused"
CORRECTED, NOT_CORRECTED = "corrected", "not_corrected"


def in_text(
    code: str, label: Promise, text: Promise, *variables: Variable, is_long: bool = False
) -> Wording:
    """A wording that only goes to proven phones."""
    return Wording(code, label, {Channel.SMS: text}, variables, is_long=is_long)


_PHONE = Variable("phone", gettext_lazy("phone, with dots"), lambda: "010-****-1234")


WORDINGS = [
    in_text(
        CODE,
        gettext_lazy("sign-in code"),
        pgettext_lazy(
            "sms", "[Jari] Your code is {code}. Enter it within 3 minutes. Never share it."
        ),
        Variable("code", gettext_lazy("six digits"), lambda: "123456"),
    ),
    Wording(
        CALL,
        gettext_lazy("sign-in code, read out in a call"),
        {
            Channel.VOICE: pgettext_lazy(
                "call",
                "This is Jari, the vaccination booking. Your code is: {digits}. I repeat: "
                "{digits}. Enter it within 3 minutes. Never share it.",
            )
        },
        (Variable("digits", gettext_lazy("the code, digit by digit"), lambda: _("seven")),),
    ),
    in_text(
        PROXY_ASKED,
        gettext_lazy("somebody asks to book for this person"),
        pgettext_lazy(
            "sms",
            "[Jari] The phone {phone} asks to book a vaccination for you. Yes or no: {address}",
        ),
        _PHONE,
        page_address("family_answer", NO_TOKEN),
        is_long=True,
    ),
    in_text(
        PROXY_BEGAN,
        gettext_lazy("somebody books for this person from now on"),
        pgettext_lazy(
            "sms",
            "[Jari] The phone {phone} books for you from now on. You can end this at any time: "
            "{address}",
        ),
        _PHONE,
        page_address("family"),
        is_long=True,
    ),
    in_text(
        PROXY_ENDED,
        gettext_lazy("somebody does not book for this person any more"),
        pgettext_lazy("sms", "[Jari] The phone {phone} does not book for you any more."),
        _PHONE,
    ),
    in_text(
        OTHER_PHONE,
        gettext_lazy("another phone number"),
        pgettext_lazy(
            "sms",
            "[Jari] A counter saw your identity card and gave your booking another phone number. "
            "If that was not you, tell your local public health centre.",
        ),
        is_long=True,
    ),
    in_text(
        REVIEW_GRANTED,
        gettext_lazy("review granted"),
        pgettext_lazy("sms", "[Jari] Your review was granted: you can book. {address}"),
        page_address("eligibility"),
    ),
    in_text(
        REVIEW_REFUSED,
        gettext_lazy("review not granted"),
        pgettext_lazy("sms", "[Jari] Your review was not granted. Why: {address}"),
        page_address("eligibility"),
    ),
    in_text(
        CORRECTED,
        gettext_lazy("details corrected"),
        pgettext_lazy("sms", "[Jari] Your details were corrected. {address}"),
        page_address("my_data"),
    ),
    in_text(
        NOT_CORRECTED,
        gettext_lazy("details not corrected"),
        pgettext_lazy("sms", "[Jari] Your details were not changed. Why: {address}"),
        page_address("my_data"),
    ),
]
