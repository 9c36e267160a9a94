"""Makes a template fail in tests if it uses a variable that its context does not have.

Django prints an empty text for it and takes it as false in a condition. Here it raises:
- where it is printed or passed on, unless the filter `default` follows;
- in a condition or a loop, if there is no such name or the object has no such attribute.
  Parameters of components may be left out, and keys of a mapping may be missing.

Only the project's own templates are checked, not those of Django's admin.
"""

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

import pytest
from django.conf import settings
from django.template import Node, Origin
from django.template.base import FilterExpression, TokenType, Variable, VariableDoesNotExist
from django.template.context import BaseContext, Context
from django.templatetags.i18n import BlockTranslateNode
from django.utils.safestring import SafeString

TEMPLATES = str(settings.BASE_DIR / "templates")
# Conditions in these may test whether a parameter was passed. The base templates frame pages of
# every kind; Django itself renders 403.html with an empty context.
MAY_LACK = ("components", "base.html", "base_site.html", "403.html")

_rendering: ContextVar[Origin | None] = ContextVar("rendering", default=None)
_missed: ContextVar[VariableDoesNotExist | None] = ContextVar("missed", default=None)


class UnknownVariable(AssertionError):
    pass


def is_own(origin: Origin | None) -> bool:
    return origin is not None and str(origin.name).startswith(TEMPLATES)


def may_be_left_out(missed: VariableDoesNotExist, origin: Origin) -> bool:
    """Whether a condition may test for this variable."""
    owner = missed.params[1]
    if isinstance(owner, BaseContext):
        name = str(origin.name).removeprefix(TEMPLATES + "/")
        return any(part in MAY_LACK for part in name.split("/"))
    return owner is None or isinstance(owner, Mapping)


def refuse(name: object, origin: Origin) -> None:
    where = str(origin.name).removeprefix(TEMPLATES + "/")
    raise UnknownVariable(f"{where} names {name}, which its context does not have")


def install(patch: pytest.MonkeyPatch) -> None:
    render_node, look_up = Node.render_annotated, Variable.resolve
    resolve, render_text = FilterExpression.resolve, BlockTranslateNode.render

    def render_annotated(self: Node, context: Context) -> str:
        before = _rendering.set(self.origin)
        try:
            return render_node(self, context)
        finally:
            _rendering.reset(before)

    def look_up_and_note(self: Variable, context: Context) -> Any:
        try:
            return look_up(self, context)
        except VariableDoesNotExist as missed:
            _missed.set(missed)
            raise

    def resolve_or_raise(
        self: FilterExpression, context: Context, ignore_failures: bool = False
    ) -> Any:
        _missed.set(None)
        value = resolve(self, context, ignore_failures)
        missed, origin = _missed.get(), _rendering.get()
        _missed.set(None)
        if missed is None or origin is None or not is_own(origin):
            return value
        if ignore_failures:
            allowed = may_be_left_out(missed, origin)
        else:
            allowed = any(filter_.__name__ == "default" for filter_, _args in self.filters)
        if not allowed:
            refuse(self.token, origin)
        return value

    def render_known_text(
        self: BlockTranslateNode, context: Context, nested: bool = False
    ) -> SafeString:
        local_names = {*self.extra_context, self.countervar}
        for token in [*self.singular, *(self.plural or [])]:
            name = token.contents if token.token_type == TokenType.VAR else None
            if name and name not in local_names and name not in context and is_own(self.origin):
                refuse(name, self.origin)
        return render_text(self, context, nested)

    patch.setattr(Node, "render_annotated", render_annotated)
    patch.setattr(Variable, "resolve", look_up_and_note)
    patch.setattr(FilterExpression, "resolve", resolve_or_raise)
    patch.setattr(BlockTranslateNode, "render", render_known_text)
