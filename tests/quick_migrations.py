"""Migrating spends a third of its time on taking fields to pieces and putting them together.

With each change of a model Django makes the models around it anew, and each of their fields from
what `deconstruct` says of it (`Field.clone`). As none of those is bound to a model, a copy is the
same. tests/test_quick_migrations.py compares; `make run` and tests/database/test_accounts.py
migrate without this."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from unittest.mock import patch

from django.db.migrations.state import ModelState
from django.db.models import Field
from django.utils.functional import cached_property


@contextmanager
def copied_fields() -> Iterator[None]:
    plain = ModelState.render

    def render(self: ModelState, apps):
        with patch.object(Field, "clone", copied):
            return plain(self, apps)

    with patch.object(ModelState, "render", render):
        yield


def copied(field: Field) -> Field:
    """A field as new, which comes after those that were made before."""
    made = deepcopy(field)
    for part in filter(None, (made, made.remote_field)):
        for name in _worked_out(type(part)):
            part.__dict__.pop(name, None)
    if field.creation_counter >= 0:
        made.creation_counter = Field.creation_counter
        Field.creation_counter += 1
    return made


@cache
def _worked_out(kind: type) -> list[str]:
    """What is worked out when it is first asked for, such as the model that a key points to."""
    return [
        name
        for part in kind.__mro__
        for name, value in vars(part).items()
        if isinstance(value, cached_property)
    ]
