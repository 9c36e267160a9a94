"""Django's {% csrf_token %}, with the person whom the page's forms are for (web.form_tokens)."""

from django.template import Context, Library
from django.template.base import Parser, Token
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html

from web.form_tokens import FIELD, FormToken

register = Library()


class FormTokenNode(CsrfTokenNode):
    def render(self, context: Context) -> str:
        html: str = super().render(context)
        token = context.get("csrf_token")
        if not isinstance(token, FormToken):
            return html
        return html + format_html('<input type="hidden" name="{}" value="{}">', FIELD, token.person)


@register.tag
def csrf_token(_parser: Parser, _token: Token) -> FormTokenNode:
    return FormTokenNode()
