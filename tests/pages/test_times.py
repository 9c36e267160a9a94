import re
from datetime import UTC, date, datetime, time

import pytest
from django.conf import settings
from django.template import Context, Template
from django.utils import translation

from booking.finder.hours import DayHours
from booking.views.cards import _times

AT = datetime(2026, 11, 25, 15, 5, 9, tzinfo=UTC)  # five past midnight of the 26th in Korea


WHOLE = '<span class="jari-whole">'


def shown(tag: str, language: str, at) -> str:
    with translation.override(language):
        return Template("{% load times %}{% " + tag + " %}").render(Context({"at": at}))


@pytest.mark.parametrize(
    ("tag", "korean", "english"),
    [
        ("when at", "2026년 11월 26일(목) 오전 0:05", "Thu 26 Nov 2026, 00:05"),
        ("when at 'short'", "11월 26일(목) 오전 0:05", "Thu 26 Nov, 00:05"),
        ("clock at", "00:05:09", "00:05:09"),
    ],
)
def test_a_time_is_said_in_the_readers_language_and_in_korean_time(tag, korean, english):
    pages = [shown(tag, language, AT) for language in ["ko", "en", "ko"]]

    machine = '<time datetime="2026-11-26T00:05:09+09:00">'
    assert [page.replace(WHOLE, "").replace("</span>", "") for page in pages] == [
        f"{machine}{text}</time>" for text in (korean, english, korean)
    ]
    assert pages[0].count(WHOLE) == (tag != "clock at") * 2


def test_an_hour_reads_alike_in_a_sentence_on_a_button_and_in_opening_hours():
    for language, hour in [("ko", "오후 2:05"), ("en", "14:05"), ("zh-hans", "14:05")]:
        with translation.override(language):
            assert (
                Template("{% load times %}{{ at|hour }}").render(Context({"at": time(14, 5)}))
                == hour
            )
            assert _times(datetime(2026, 11, 26, 5, 5, tzinfo=UTC), language)[1] == hour
            assert str(DayHours(time(14, 5), time(18))).startswith(f"{hour}–")


def test_no_template_of_the_public_pages_writes_an_hour_by_itself():
    of_staff = {"admin", "rehearsal"}
    files = [
        file
        for file in (settings.BASE_DIR / "templates").rglob("*.html")
        if not of_staff & set(file.parts)
    ]

    found = [
        file.name
        for file in files
        if re.search(r"""(date|time):["'][^"']*H:i["']""", file.read_text(encoding="utf-8"))
    ]
    assert len(files) > 80
    assert found == []


def test_a_day_is_said_without_a_time():
    assert shown("when at 'day'", "en", date(2026, 11, 26)) == (
        f'<time datetime="2026-11-26">{WHOLE}Thu 26 November 2026</span></time>'
    )


def test_no_time_is_nothing():
    assert shown("when at", "ko", None) == ""


def test_the_servers_time_is_that_of_the_page(clock):
    clock.move_to(AT)

    assert shown("server_time", "ko", None) == (
        '<time datetime="2026-11-26T00:05:09+09:00">2026-11-26 00:05:09</time>'
    )
