"""Widgets of forms that browsers draw."""

from typing import Any

from django import forms


class DayInput(forms.DateInput):
    """The browser's own calendar, in every language.

    Browsers take and send `YYYY-MM-DD` alone and show the reader's order by themselves; a value
    in the format of a language (`2026/11/30` in Chinese) leaves the field empty.
    """

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")
