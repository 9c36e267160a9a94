"""Model fields whose values are encrypted before they reach the database."""

import datetime

from django.core.exceptions import FieldError
from django.db import models
from django.utils.functional import cached_property

from privacy.cipher import decrypt, encrypt


class EncryptedTextField(models.BinaryField):
    """Text at rest under authenticated encryption; find rows through a blind index instead."""

    def __init__(self, *args, **kwargs):
        kwargs.setdefault("editable", True)
        super().__init__(*args, **kwargs)

    def _check_str_default_value(self):
        return []  # what BinaryField warns of: here text becomes bytes on its way to the database

    @cached_property
    def context(self) -> bytes:
        return f"{self.model._meta.db_table}.{self.column}".encode()

    def to_text(self, value) -> str:
        return value

    def from_text(self, text: str):
        return text

    def get_db_prep_value(self, value, connection, prepared=False):
        if value is None:
            return None
        return super().get_db_prep_value(
            encrypt(self.to_text(value), context=self.context), connection, prepared
        )

    def from_db_value(self, value, expression, connection):
        return None if value is None else self.from_text(decrypt(value, context=self.context))

    def to_python(self, value):
        return value

    def get_default(self):
        return models.Field.get_default(self)

    def value_to_string(self, obj):
        return self.to_text(self.value_from_object(obj))

    def get_lookup(self, lookup_name):
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        raise FieldError(f"{self.name} is encrypted: look it up through its blind index.")


class EncryptedDateField(EncryptedTextField):
    """A calendar date at rest under authenticated encryption."""

    def to_text(self, value: datetime.date) -> str:
        return value.isoformat()

    def from_text(self, text: str) -> datetime.date:
        return datetime.date.fromisoformat(text)
