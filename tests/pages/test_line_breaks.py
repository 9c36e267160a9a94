"""What stays on one line: numbers with hyphens, spans of years, and a day with its weekday."""

import pytest
from django.utils.safestring import SafeString

from web.marking import unbroken


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("예: 010-1234-5678", '예: <span class="jari-whole">010-1234-5678</span>'),
        ("7K2M-QX4D-9T.", '<span class="jari-whole">7K2M-QX4D-9T.</span>'),
        ("010-****-0011", '<span class="jari-whole">010-****-0011</span>'),
        ("1월 13일(수)까지, 오후 5시", "1월 13일\u2060(수)\u2060까지, 오후 5시"),
        ("내일(임시)", "내일(임시)"),
        ("至 1月13日(周三) 接种", '至 <span class="jari-whole">1月13日(周三)</span> 接种'),
        ("187 Osong 2-ro,", '187 Osong <span class="jari-whole">2-ro,</span>'),
        ("自1962年1月1日起", '自<span class="jari-whole">1962年1月1日</span>起'),
        ("on Wed 2 Dec, 10:00", 'on <span class="jari-whole">Wed 2 Dec,</span> 10:00'),
        ("từ T2, 30/11, 21:42", 'từ <span class="jari-whole">T2, 30/11,</span> 21:42'),
        ("만 55–59세", '만 <span class="jari-whole">55–59세</span>'),
        ("(born 1962–1966)", '(born <span class="jari-whole">1962–1966)</span>'),
        ("세 (1962–1966년생)", '세 <span class="jari-whole">(1962–1966년생)</span>'),
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
        unbroken("010-1234-5678, 2일(수)까지, 2027年1月13日(周三), 55–59세 (1962–1966년생)"),
        unbroken("Wed 2 Dec, CN, 1/12"),
    ],
)
def test_tags_and_what_is_whole_stay_as_they_are(html):
    assert unbroken(SafeString(html)) == html
