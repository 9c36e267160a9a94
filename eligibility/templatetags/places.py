"""Regions and districts on pages: romanised for those who do not read Korean, with the Korean
name beside it, as signs and addresses have it."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dataio.districts import district_name, region_name
from web.language import reads_korean

register = template.Library()


@register.simple_tag
def region_in_words(region: str) -> str:
    return _beside(region_name(region), region)


@register.simple_tag
def district_in_words(region: str, district: str) -> str:
    return _beside(district_name(region, district), district)


@register.simple_tag
def place_in_words(region: str, district: str) -> str:
    """A district with its region, the larger one last where the reader writes so."""
    korean = f"{region} {district}".strip()
    if not district:
        return _beside(region_name(region), korean)
    return _beside(f"{district_name(region, district)}, {region_name(region)}", korean)


def _beside(name: str, korean: str) -> SafeString | str:
    if reads_korean() or not korean:
        return korean
    # A place that the list does not have stays in Korean.
    if name == korean:
        return format_html('<span lang="ko">{}</span>', korean)
    return format_html('{} <span lang="ko">{}</span>', name, korean)
