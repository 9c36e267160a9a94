"""The form of the authority for a version of the questions, and what it reads and writes."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from vaccination.enums import QuestionKind
from vaccination.questionnaire import (
    LONGEST_ANSWER,
    LONGEST_TEXT,
    MOST_ITEMS,
    YES,
)

_SMALL = {"rows": 2, "cols": 40}
# Codes that are made for new questions and options; `read_content` checks them.
_NEW_ITEM, _NEW_OPTION = "q", "o"


def _text(label: Any, **values: Any) -> forms.CharField:
    widget = forms.Textarea(attrs=_SMALL)
    return forms.CharField(label=label, max_length=LONGEST_TEXT, widget=widget, **values)


class TitleForm(forms.Form):
    title_ko = forms.CharField(label=gettext_lazy("Title in Korean"), max_length=LONGEST_TEXT)
    title_en = forms.CharField(label=gettext_lazy("Title in English"), max_length=LONGEST_TEXT)
    source = forms.CharField(
        label=gettext_lazy("Source"),
        max_length=LONGEST_TEXT,
        required=False,
        help_text=gettext_lazy("What the questions were made after; printed on the sheet."),
    )


class ItemForm(forms.Form):
    """One question."""

    code = forms.CharField(widget=forms.HiddenInput, required=False, max_length=30)
    place = forms.IntegerField(label=gettext_lazy("Order"), min_value=1, max_value=999)
    text_ko = _text(gettext_lazy("Question in Korean"))
    text_en = _text(gettext_lazy("Question in English"))
    # The initial value is what an untouched form sends, which counts as no question.
    kind = forms.ChoiceField(
        label=gettext_lazy("Kind of answer"),
        choices=QuestionKind.choices,
        initial=QuestionKind.YES_NO,
    )
    doctor = forms.BooleanField(
        label=gettext_lazy("Yes: speak to the doctor first"), required=False
    )
    detail_ko = _text(gettext_lazy("After a yes, in Korean"), required=False)
    detail_en = _text(gettext_lazy("After a yes, in English"), required=False)
    options = forms.CharField(
        label=gettext_lazy("Answers to choose from"),
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 40}),
        help_text=gettext_lazy(
            "One a line: Korean | English. With ! in front: speak to the doctor first."
        ),
    )
    required = forms.BooleanField(
        label=gettext_lazy("Has to be answered"), required=False, initial=True
    )
    max_length = forms.IntegerField(widget=forms.HiddenInput, required=False, max_value=999)


ItemFormSet = forms.formset_factory(
    ItemForm, extra=1, can_delete=True, max_num=MOST_ITEMS, absolute_max=MOST_ITEMS + 5
)


def initial_of(content: dict[str, Any]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """Initial values of TitleForm and of each ItemForm."""
    title = content["title"]
    head = {
        "title_ko": title["ko"],
        "title_en": title["en"],
        "source": content.get("source", ""),
    }
    return head, [_item_initial(raw, 10 * number) for number, raw in enumerate(content["items"], 1)]


def _item_initial(raw: dict[str, Any], place: int) -> dict[str, Any]:
    flags = raw.get("doctor", [])
    detail = raw.get("detail") or {}
    return {
        "code": raw["id"],
        "place": place,
        "text_ko": raw["text"]["ko"],
        "text_en": raw["text"]["en"],
        "kind": raw["kind"],
        "doctor": YES in flags,
        "detail_ko": detail.get("ko", ""),
        "detail_en": detail.get("en", ""),
        "options": "\n".join(
            ("! " if option["id"] in flags else "")
            + f"{option['text']['ko']} | {option['text']['en']}"
            for option in raw.get("options", [])
        ),
        "required": raw.get("required", True),
        "max_length": raw.get("max_length"),
    }


def content_from(
    head: dict[str, Any], items: list[dict[str, Any]], before: dict[str, Any]
) -> dict[str, Any]:
    """The content that valid forms describe; codes of questions and options of `before` stay."""
    # A code that was removed is not given to another question of this form.
    stored = {raw["id"]: raw for raw in before["items"]}
    codes = set(stored) | {values["code"] for values in items}
    written = []
    for values in sorted(items, key=lambda values: values["place"]):
        code = values["code"] or _unused(_NEW_ITEM, codes)
        codes.add(code)
        written.append(_item_from(values, code, stored.get(code, {})))
    return {
        "title": {"ko": head["title_ko"], "en": head["title_en"]},
        "source": head["source"],
        "items": written,
    }


def _item_from(values: dict[str, Any], code: str, before: dict[str, Any]) -> dict[str, Any]:
    kind = values["kind"]
    item = {
        "id": code,
        "kind": kind,
        "text": {"ko": _line(values["text_ko"]), "en": _line(values["text_en"])},
        "required": values["required"],
        "doctor": [YES] if values["doctor"] else [],
    }
    if kind == QuestionKind.DETAIL:
        item["detail"] = {"ko": _line(values["detail_ko"]), "en": _line(values["detail_en"])}
    if kind == QuestionKind.CHOICE:
        item["options"], item["doctor"] = _options_from(values["options"], before)
    if kind == QuestionKind.TEXT:
        item["doctor"] = []
    # Not on the page: kept as it was.
    if values["max_length"]:
        item["max_length"] = min(values["max_length"], LONGEST_ANSWER)
    return item


def _options_from(text: str, before: dict[str, Any]) -> tuple[list[dict[str, Any]], list[str]]:
    """Options and flagged codes, from lines such as "! 임신 중 | Pregnant"."""
    # An option is known by its Korean text: with another one it is another answer.
    codes = {option["text"]["ko"]: option["id"] for option in before.get("options", [])}
    used = set(codes.values())
    options, flags = [], []
    for line in filter(None, map(str.strip, text.splitlines())):
        korean, _bar, english = line.removeprefix("!").partition("|")
        words = {"ko": _line(korean), "en": _line(english)}
        code = codes.get(words["ko"]) or _unused(_NEW_OPTION, used)
        used.add(code)
        options.append({"id": code, "text": words})
        if line.startswith("!"):
            flags.append(code)
    return options, flags


def _unused(letter: str, codes: set[str]) -> str:
    """The first of q1, q2, … that is free."""
    number = 1
    while f"{letter}{number}" in codes:
        number += 1
    return f"{letter}{number}"


def _line(text: str) -> str:
    """A text on one line: browsers send line breaks of a text area."""
    return re.sub(r"\s+", " ", text).strip()
