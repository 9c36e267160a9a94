"""The texts of the authority: on their pages, in both languages, changed by the authority alone."""

import re
from datetime import date

import pytest
from django.conf import settings
from django.urls import reverse

from booking.views.common import looked_up
from eligibility.limits import KNOWN_AGE
from statements.blocks import blocks_of
from statements.enums import Subject
from statements.models import Statement
from statements.reading import sample
from tests.factories import StaffFactory
from tests.markup import flat
from tests.staff.signing_in import StaffClient
from waiting_room.access import resumed

pytestmark = pytest.mark.django_db


def of_role(role: str, **values) -> StaffClient:
    client = StaffClient()
    client.force_login(StaffFactory(role=role, **values))
    return client


@pytest.mark.parametrize("language", ["ko", "en", "zh-hans", "vi"])
@pytest.mark.parametrize("subject", Subject)
def test_a_sample_stands_until_the_authority_sets_its_own(client, subject, language):
    page = flat(client.get(f"/{subject.value}/", headers={"accept-language": language}))

    samples = {"ko": "예시로", "en": "This is a sample", "zh-hans": "示例文本", "vi": "văn bản mẫu"}
    assert f'<div lang="{language}">' in page
    assert samples[language] in page
    # Without what keeps a number on one line: tags, spaces and word joiners.
    text = "".join(re.sub(r"<[^>]+>|\u2060", "", page).split())
    lines = [block.lines[0] for block in blocks_of(sample(subject, language))]
    assert [line for line in lines if "".join(line.split()) not in text] == []


@pytest.mark.parametrize("language", ["en", "zh-hans", "vi"])
@pytest.mark.parametrize("subject", Subject)
def test_a_sample_says_as_much_in_each_language(subject, language):
    def shape(of: str) -> list[tuple[str, int]]:
        return [(block.kind, len(block.lines)) for block in blocks_of(sample(subject, of))]

    assert shape(language) == shape("ko")


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ko", ["{who}일", "{tickets}일", "{seen}시간", "{known}일"]),
        ("en", ["{who} days", "{tickets} days", "an hour", "{known} days"]),
        ("zh-hans", ["{who}天", "{tickets}天", "{seen}小时", "{known}天"]),
        ("vi", ["{who} ngày", "{tickets} ngày", "một giờ", "{known} ngày"]),
    ],
)
def test_the_privacy_policy_says_how_long_each_cookie_stays(language, words):
    periods = {
        "who": settings.IDENTITY_DAYS,
        "tickets": resumed.seconds // 86400,
        "seen": looked_up.seconds // 3600,
        "known": KNOWN_AGE // 86400,
    }
    assert periods["seen"] == 1

    cookies = sample(Subject.PRIVACY, language).split("## 7.")[1].split("## 8.")[0]

    assert [word for word in words if word.format(**periods) not in cookies] == []


def test_the_privacy_policy_names_what_the_law_asks_for(settings):
    settings.KEEP_DAYS = 123

    text = sample(Subject.PRIVACY, "ko")

    for part in ["목적", "항목", "보유 기간", "권리", "보호책임자", "위탁", "쿠키", "123일"]:
        assert part in text


def test_the_text_of_the_authority_is_shown_as_text(client):
    Statement.objects.create(
        subject=Subject.HELP,
        text_ko="## 전화\n- 1339\n- <b>120</b>\n\n첫 줄\n둘째 줄\n\n다음",
        text_en="Call 1339",
        in_force_from=date(2026, 11, 1),
    )

    korean = flat(client.get("/help/"))
    english = flat(client.get("/help/", headers={"accept-language": "en"}))

    assert "<h2>전화</h2>" in korean
    assert "<li>&lt;b&gt;120&lt;/b&gt;</li>" in korean
    assert "<p>첫 줄 둘째 줄</p>" in korean
    assert "<p>다음</p>" in korean
    assert "예시" not in korean
    assert "<p>Call 1339</p>" in english
    vietnamese = flat(client.get("/help/", headers={"accept-language": "vi"}))
    assert '<div lang="en"><p>Call 1339</p>' in vietnamese
    Statement.objects.update(text_vi="Gọi 1339", text_zh_hans="拨打 1339")
    for language, text in [("vi", "Gọi 1339"), ("zh-hans", "拨打 1339"), ("fr", "Call 1339")]:
        written = flat(client.get("/help/", headers={"accept-language": language}))
        code = "en" if language == "fr" else language
        assert f'<div lang="{code}"><p>{text}</p>' in written
    assert "1 November 2026" in english


def test_only_the_authority_changes_them_and_the_history_holds_the_old_one():
    row = Statement.objects.create(
        subject=Subject.HELP, text_ko="전", text_en="before", in_force_from=date(2026, 1, 1)
    )
    address = reverse("admin:statements_statement_change", args=[row.pk])
    values = {"text_ko": "후", "text_en": "after", "in_force_from": "2026-02-01"}

    refused = of_role("local", region="서울특별시").post(address, values)
    changed = of_role("authority").post(address, values)

    assert (refused.status_code, changed.status_code) == (403, 302)
    row.refresh_from_db()
    assert (row.text_en, row.in_force_from) == ("after", date(2026, 2, 1))
    texts = row.events.order_by("pgh_id").values_list("text_en", flat=True)
    assert list(texts) == ["before", "after"]


def test_a_new_text_begins_with_the_sample():
    page = of_role("authority").get(
        reverse("admin:statements_statement_add"), {"subject": "operator"}
    )

    assert "질병관리청" in page.content.decode()
