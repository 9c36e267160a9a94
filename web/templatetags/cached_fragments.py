"""Template fragments that are the same for all readers, rendered once per language and value."""

from collections.abc import Mapping
from typing import Any

from django.template import Context, Library, Node, NodeList, Template, TemplateSyntaxError
from django.template.base import FilterExpression, Parser, Token, token_kwargs
from django.template.defaulttags import CsrfTokenNode
from django.template.loader_tags import BlockNode
from django.utils.translation import get_language

register = Library()
MOST = 200  # cached versions of one fragment


class OnceNode(Node):
    """Caches the rendered fragment in the node, by language and values."""

    def __init__(self, nodelist: NodeList, values: Mapping[str, FilterExpression]) -> None:
        self.nodelist = nodelist
        self._values = values
        self._rendered: dict[tuple[Any, ...], str] = {}

    def render(self, context: Context) -> str:
        values = {name: value.resolve(context) for name, value in self._values.items()}
        key = (get_language(), *values.values())
        html = self._rendered.get(key)
        assert context.template
        if html is None or context.template.engine.debug:
            html = self._render(context.template, values)
            # Emptied rather than evicted one by one: a fragment has a few values, not hundreds.
            if len(self._rendered) >= MOST:
                self._rendered.clear()
            self._rendered[key] = html
        return html

    def _render(self, template: Template, values: dict[str, Any]) -> str:
        # A separate context without the request: no reader's data can get into the cache.
        context = Context(values)
        with context.bind_template(template):
            return self.nodelist.render(context)


@register.tag
def once(parser: Parser, token: Token) -> OnceNode:
    """{% once name=value %}…{% endonce %}: a cached fragment that may use only the named values.

    The values must be few, as each combination is cached.
    """
    bits = token.split_contents()[1:]
    values = token_kwargs(bits, parser)
    if bits:
        raise TemplateSyntaxError("once takes name=value only")
    nodelist = parser.parse(("endonce",))
    parser.delete_first_token()
    if any(nodelist.get_nodes_by_type(kind) for kind in (BlockNode, CsrfTokenNode)):
        raise TemplateSyntaxError("a block or a csrf_token is not the same for everybody")
    return OnceNode(nodelist, values)
