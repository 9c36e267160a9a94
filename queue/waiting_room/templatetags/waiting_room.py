from urllib.parse import urlencode

import segno
from django import template
from django.conf import settings
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def grouped(number: int | None) -> str:
    """12,345: places are read aloud and compared."""
    return "–" if number is None else f"{number:,}"


@register.simple_tag
def resume_qr(code: str) -> SafeString:
    """The address that brings another device to the same place, as a picture."""
    link = f"{settings.PUBLIC_URL}{reverse('resume')}?{urlencode({'code': code})}"
    picture = segno.make(link, error="m", micro=False)
    svg = picture.svg_inline(border=2, omitsize=True, svgclass=None, lineclass=None)
    # Our own address and segno's numbers; nothing of it was typed by anybody.
    return mark_safe(svg.replace("<svg", f'<svg role="img" aria-label="{_("QR code")}"', 1))  # noqa: S308


@register.simple_tag
def waiting_time(now_document: dict, ahead: int | None) -> str:
    return _("We will say so as soon as the line moves.")
