"""What stays on one line: numbers with hyphens, and a day with the particle after it."""

import pytest
from django.utils.safestring import SafeString

from web.marking import unbroken


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("예: 010-1234-5678", '예: <span class="jari-whole">010-1234-5678</span>'),
        ("7K2M-QX4D-9T.", '<span class="jari-whole">7K2M-QX4D-9T</span>.'),
        ("010-****-0011", '<span class="jari-whole">010-****-0011</span>'),
        ("1월 13일(수)까지, 오후 5시", "1월 13일(수)\u2060까지, 오후 5시"),
        ("至 1月13日(周三) 接种", '至 <span class="jari-whole">1月13日(周三)</span> 接种'),
        ("187 Osong 2-ro,", '187 Osong <span class="jari-whole">2-ro</span>,'),
        ("自1962年1月1日起", '自<span class="jari-whole">1962年1月1日</span>起'),
        ("강남구 (역삼동) 3층", "강남구 (역삼동) 3층"),
        ("a well-known <b>", "a well-known &lt;b&gt;"),
    ],
)
def test_numbers_and_days_stay_whole(text, shown):
    assert unbroken(text) == shown


@pytest.mark.parametrize(
    "html",
    [
        '<time datetime="2026-11-30">30 Nov</time>',
        unbroken("010-1234-5678, 2일(수)까지, 2027年1月13日(周三)"),
    ],
)
def test_tags_and_what_is_whole_stay_as_they_are(html):
    assert unbroken(SafeString(html)) == html
