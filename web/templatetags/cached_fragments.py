"""Parts of a page that are the same for everybody: made once for each language, then kept."""

from collections.abc import Mapping
from typing import Any

from django.template import Context, Library, Node, NodeList, Template, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.template.defaulttags import CsrfTokenNode
from django.template.loader_tags import BlockNode
from django.utils.translation import get_language

register = Library()
MOST = 200


class OnceNode(Node):
    def __init__(self, nodelist: NodeList, values: Mapping[str, FilterExpression]) -> None:
        self.nodelist = nodelist
        self._values = values
        self._made: dict[tuple[Any, ...], str] = {}

    def render(self, context: Context) -> str:
        values = {name: value.resolve(context) for name, value in self._values.items()}
        key = (get_language(), *values.values())
        made = self._made.get(key)
        assert context.template
        if made is None or context.template.engine.debug:
            made = self._make(context.template, values)
            if len(self._made) >= MOST:
                self._made.clear()
            self._made[key] = made
        return made

    def _make(self, template: Template, values: dict[str, Any]) -> str:
        # A context of its own, without the request: nothing of a person can get in and stay.
        alone = Context(values)
        with alone.bind_template(template):
            return self.nodelist.render(alone)


@register.tag
def once(parser: Parser, token: Token) -> OnceNode:
    """{% once name=value %}…{% endonce %}, of constants and the values named, which must be few."""
    bits = token.split_contents()[1:]
    values = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError("once takes name=value only")
    nodelist = parser.parse(("endonce",))
    parser.delete_first_token()
    if any(nodelist.get_nodes_by_type(kind) for kind in (BlockNode, CsrfTokenNode)):
        raise TemplateSyntaxError("a block or a csrf_token is not the same for everybody")
    return OnceNode(nodelist, values)
