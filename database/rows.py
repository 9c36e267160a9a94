"""Models of rows that a statement of our own has read."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

ModelT = TypeVar("ModelT", bound=Model)


def columns_of(model: type[Model], table: str) -> str:
    """All columns for a SELECT in which `table` is the model's."""
    return ", ".join(f"{table}.{field.column}" for field in model._meta.concrete_fields)


def model_of(model: type[ModelT], row: Sequence[Any]) -> ModelT:
    """The model of the first values of a row, those of `columns_of`."""
    fields = model._meta.concrete_fields
    values = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(fields, row, strict=False)
    ]
    return model.from_db(DEFAULT_DB_ALIAS, [field.attname for field in fields], values)
