"""Links of the finder to other services."""

from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

_SAMPLE = [
    {"ko": "네이버 지도", "en": "Naver Map", "url": "https://map.naver.com/p/search/{address}"},
    {"ko": "카카오맵", "en": "Kakao Map", "url": "https://map.kakao.com/link/search/{address}"},
]


def directions(env: Any, *, sample: bool = False) -> list[dict[str, str]]:
    """Names and addresses of maps, from JARI_DIRECTIONS: {address} stands for a clinic's.

    Links only: no page loads anything from them, and nothing about the reader is in them.
    """
    maps: Any = env.json("JARI_DIRECTIONS", default=_SAMPLE if sample else [])
    for each in maps if isinstance(maps, list) else [None]:
        fields = each if isinstance(each, dict) else {}
        url = str(fields.get("url", ""))
        host = urlsplit(url.partition("{address}")[0]).netloc
        if set(fields) != {"ko", "en", "url"} or not url.startswith("https://") or not host:
            raise ImproperlyConfigured(
                'JARI_DIRECTIONS: write a JSON list of {"ko": NAME, "en": NAME, "url": '
                '"https://HOST/…{address}"}'
            )
        if url.count("{address}") != 1:
            raise ImproperlyConfigured("JARI_DIRECTIONS: each url has {address} once")
    result: list[dict[str, str]] = maps
    return result
