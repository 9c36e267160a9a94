"""Model fields whose values are encrypted before they reach the database."""

import datetime
from collections.abc import Sequence
from typing import Any, TypeVar

from django.core.checks import CheckMessage
from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import Combinable
from django.db.models.lookups import Lookup
from django.utils.functional import cached_property

from privacy.cipher import decrypt, encrypt

Set = TypeVar("Set", contravariant=True)
Get = TypeVar("Get", covariant=True)


class EncryptedField(models.BinaryField[Set, Get]):
    """A field stored encrypted; rows are found through blind indexes instead."""

    # Read by the mypy plugin of django-stubs: the types that the attribute takes and gives.
    _pyi_private_set_type: Any
    _pyi_private_get_type: Any

    def __init__(self, *args: Any, copied_from: str = "", **kwargs: Any) -> None:
        """`copied_from`: "table.column" of another model, if ciphertexts are copied from there."""
        self.copied_from = copied_from
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        if self.copied_from:
            kwargs["copied_from"] = self.copied_from
        return name, path, args, kwargs

    def _check_str_default_value(self) -> list[CheckMessage]:
        return []  # BinaryField warns of str defaults, which are encrypted to bytes here

    @cached_property
    def context(self) -> bytes:
        column = self.copied_from or f"{self.model._meta.db_table}.{self.column}"
        return column.encode()

    def to_text(self, value: Any) -> str:
        raise NotImplementedError

    def from_text(self, text: str) -> Any:
        raise NotImplementedError

    def get_db_prep_value(
        self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False
    ) -> Any:
        if value is None:
            return None
        return super().get_db_prep_value(
            encrypt(self.to_text(value), context=self.context), connection, prepared
        )

    def from_db_value(self, value: bytes | None, expression: Any, connection: Any) -> Any:
        return None if value is None else self.from_text(decrypt(value, context=self.context))

    def to_python(self, value: Any) -> Any:
        return value

    # BinaryField's own turns an empty default into b"".
    def get_default(self) -> Any:
        return models.Field.get_default(self)

    def value_to_string(self, obj: models.Model) -> str:
        return self.to_text(self.value_from_object(obj))

    def get_lookup(self, lookup_name: str) -> type[Lookup[Any]] | None:
        # Equal texts have different ciphertexts: any other lookup would silently find nothing.
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.name} is encrypted: look it up through its blind index.")


class EncryptedTextField(EncryptedField[Set, Get]):
    """Text stored encrypted."""

    _pyi_private_set_type: str | Combinable
    _pyi_private_get_type: str

    def to_text(self, value: str) -> str:
        return value

    def from_text(self, text: str) -> str:
        return text


class EncryptedDateField(EncryptedField[Set, Get]):
    """A calendar date stored encrypted, as ISO 8601."""

    _pyi_private_set_type: datetime.date | Combinable
    _pyi_private_get_type: datetime.date

    def to_text(self, value: datetime.date) -> str:
        return value.isoformat()

    def from_text(self, text: str) -> datetime.date:
        return datetime.date.fromisoformat(text)
