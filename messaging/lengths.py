"""Text messages as Korea's networks take them: in CP949 (EUC-KR), where a Korean letter is two
bytes and many Chinese and all Vietnamese letters have none."""

import unicodedata
from typing import NamedTuple

from messaging.enums import Channel

ENCODING = "cp949"
# Bytes of a short message (SMS) and of a long one (LMS), which costs about three times as much.
SMS_BYTES, LMS_BYTES = 90, 2_000
# Simplified Chinese letters of the shipped texts, and the traditional ones that have a code.
_SIMPLIFIED = (
    "为写则剂单号员复时构电种约补诊货问间队预风当动变应对处开关总报数断来检毕满状确离筛签简类结给续维编"
    "网联获见规认让记许论设证识该语说请诺读谁贵费输边达过运还这进远连选邮钟错长门闭际难险验齐龄区医卫发"
)
_TRADITIONAL = (
    "爲寫則劑單號員復時構電種約補診貨問間隊預風當動變應對處開關總報數斷來檢畢滿狀確離篩簽簡類結給續維編"
    "網聯獲見規認讓記許論設證識該語說請諾讀誰貴費輸邊達過運還這進遠連選郵鐘錯長門閉際難險驗齊齡區醫衛發"
)
_PLAIN = str.maketrans(_SIMPLIFIED, _TRADITIONAL) | str.maketrans(
    {"đ": "d", "Đ": "D", "–": "-", "…": "...", "‑": "-", "\u00a0": " "}
)


class Length(NamedTuple):
    """How long a text message is, and the letters that no network can carry."""

    bytes: int
    lost: str

    @property
    def is_long(self) -> bool:
        return self.bytes > SMS_BYTES


def length_of(text: str) -> Length:
    plain = for_network(text)
    lost = "".join(dict.fromkeys(sign for sign in plain if not _has_code(sign)))
    return Length(len(plain.encode(ENCODING, errors="replace")), lost)


def for_network(text: str) -> str:
    """A text in the network's letters: Vietnamese without its marks, as is usual in text messages
    there, Chinese in traditional letters where the simplified ones have no code."""
    return "".join(_in_network(sign) for sign in unicodedata.normalize("NFC", text))


def as_sent(channel: Channel, text: str) -> str:
    return for_network(text) if channel == Channel.SMS else text


def _in_network(sign: str) -> str:
    plain = sign.translate(_PLAIN)
    if _has_code(plain):
        return plain
    parts = unicodedata.normalize("NFD", sign)
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return bare if bare and _has_code(bare) else sign


def _has_code(text: str) -> bool:
    try:
        text.encode(ENCODING)
    except UnicodeEncodeError:
        return False
    return True
