"""What messages say: in each language, within a text message, as the authority set it."""

import re

import pytest
from django.conf import settings
from django.utils import translation

from messaging.enums import Channel
from messaging.lengths import LMS_BYTES, SMS_BYTES, for_network, length_of
from messaging.models import OwnText
from messaging.wordings import (
    fill,
    forget_kept,
    make_rows,
    problems_of,
    render,
    samples_of,
    shipped,
    wordings,
)

LANGUAGES = [code for code, _name in settings.LANGUAGES]
ALL = [
    (code, language, channel)
    for code, wording in wordings.items()
    for language in LANGUAGES
    for channel in wording.texts
]


@pytest.fixture(autouse=True)
def long_address(settings):
    settings.PUBLIC_URL = "https://ncvr.kdca.go.kr"
    forget_kept()


@pytest.mark.parametrize(("code", "language", "channel"), ALL, ids=str)
def test_each_shipped_text_names_what_it_must_and_fits(code, language, channel):
    wording = wordings[code]
    text = shipped(wording, channel, language)

    with translation.override("en"):
        assert problems_of(text, wording) == []
    filled = fill(text, samples_of(wording, language))
    if channel == Channel.SMS:
        length = length_of(filled)
        assert length.lost == ""
        assert length.bytes <= (LMS_BYTES if wording.is_long else SMS_BYTES), filled
    if channel == Channel.EMAIL:
        assert "\n\n" in text
        assert len(text.partition("\n\n")[0]) < 70


@pytest.mark.parametrize(("code", "language", "channel"), ALL, ids=str)
def test_each_shipped_text_is_translated(code, language, channel):
    text = shipped(wordings[code], channel, language)
    english = shipped(wordings[code], channel, "en")
    plain = re.sub(r"\{\w+\}|\[Jari\]", "", english).strip()

    assert language == "en" or text != english or not plain


def test_a_text_message_is_short_unless_it_names_an_appointment_or_a_link_that_is_long():
    long = {code for code, wording in wordings.items() if wording.is_long}

    assert long == {
        "confirmed", "changed", "cancelled", "restored", "reminder", "offer", "closed", "recall",
        "proxy_asked", "proxy_began", "phone",
    }  # fmt: skip


def test_letters_without_a_code_are_counted_and_vietnamese_loses_its_marks():
    assert for_network("Mã của bạn là 1 – đúng") == "Ma cua ban la 1 - dung"
    assert length_of("예약 ok") == (7, "")
    assert for_network("预约") == "預約"
    assert length_of("您好 预约").lost == "您"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{code} {name}", "There is no variable {name} here. There are: {code}."),
        ("Hello", "The variable {code} is missing: people need it."),
        ("{code} {", "A brace stands alone."),
        ("{code} {code.__class__}", "A brace stands alone."),
        ("{code} {code!r}", "A brace stands alone."),
        ("{} {code}", "There is no variable {} here."),
    ],
)
def test_a_text_that_cannot_be_filled_in_is_refused(text, problem):
    with translation.override("en"):
        assert problems_of(text, wordings["code"])[0].startswith(problem)


@pytest.mark.django_db
def test_an_own_text_holds_for_its_language_and_channel_alone():
    make_rows()
    row = OwnText.objects.filter(code="code", language="en", channel=Channel.SMS)
    row.update(text="Jari code {code}")
    forget_kept()

    assert render("code", Channel.SMS, "en", code="1 {code}") == "Jari code 1 {code}"
    assert render("code", Channel.SMS, "ko", code="1").startswith("[자리] 인증번호 1")


@pytest.mark.django_db
def test_an_own_text_that_a_release_made_wrong_gives_way_to_the_shipped_one():
    OwnText.objects.update_or_create(
        code="code", language="en", channel=Channel.SMS, defaults={"text": "{gone} {code}"}
    )
    forget_kept()

    assert render("code", Channel.SMS, "en", code="1").startswith("[Jari] Your code is 1.")


@pytest.mark.django_db
def test_many_messages_read_the_own_texts_once(django_assert_num_queries):
    forget_kept()

    with django_assert_num_queries(1):
        for number in range(3):
            render("code", Channel.SMS, "en", code=number)
