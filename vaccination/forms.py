"""The form of a questionnaire, for its person and for the counter."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django import forms
from django.forms.boundfield import BoundField
from django.http import HttpRequest
from django.utils.translation import gettext as _

from vaccination.enums import QuestionKind
from vaccination.questionnaire import YES, Answers, Item, picked
from vaccination.services.questionnaires import PageShown
from web.posted import posted_id

# Before the names of the fields: a question's code may be any word.
_PREFIX = "q_"


class Asked(NamedTuple):
    """The fields of one question."""

    main: BoundField
    detail: BoundField | None


class AnswerForm(forms.Form):
    """A field for each question, and one for the detail of a yes."""

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, items: tuple[Item, ...], answers: Answers
    ) -> None:
        initial = {_PREFIX + name: value for name, value in answers.items()}
        super().__init__(data, initial=initial)
        self.items = items
        for number, item in enumerate(items, start=1):
            self.fields[_PREFIX + item.id] = _field(item, number)
            if item.detail:
                self.fields[_PREFIX + item.detail_id] = forms.CharField(
                    label=str(item.detail),
                    max_length=item.max_length,
                    required=False,
                    widget=forms.TextInput(attrs={"autocomplete": "off"}),
                )

    def clean(self) -> None:
        super().clean()
        for number, item in enumerate(self.items, start=1):
            name = _PREFIX + item.detail_id
            if not item.detail or self.cleaned_data.get(_PREFIX + item.id) != YES:
                continue
            if name not in self.errors and not self.cleaned_data.get(name):
                text = _("Question %(number)s: write what it is.") % {"number": number}
                self.add_error(name, text)

    def groups(self) -> Iterator[Asked]:
        for item in self.items:
            detail = self[_PREFIX + item.detail_id] if item.detail else None
            yield Asked(self[_PREFIX + item.id], detail)


def typed_answers(items: tuple[Item, ...], data: Mapping[str, str]) -> Answers:
    """What of a posted form can be stored: all of a valid one; else a draft, or what another
    version shows again."""
    typed = {
        name.removeprefix(_PREFIX): value.replace("\x00", "")
        for name, value in data.items()
        if name.startswith(_PREFIX)
    }
    return picked(items, typed)


def page_shown(request: HttpRequest) -> PageShown:
    """What the hidden fields beside the form say."""
    return PageShown(*(posted_id(request, name) for name in ("version", "slot", "revision")))


def _field(item: Item, number: int) -> forms.Field:
    label = f"{number}. {item.text}"
    if item.kind == QuestionKind.TEXT:
        missing = _("Question %(number)s: write an answer.") % {"number": number}
        return forms.CharField(
            label=label,
            max_length=item.max_length,
            required=item.required,
            widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
            error_messages={"required": missing},
        )
    unanswered = _("Question %(number)s: choose an answer.") % {"number": number}
    return forms.ChoiceField(
        label=label,
        choices=[(option.id, str(option.text)) for option in item.options],
        required=item.required,
        widget=forms.RadioSelect,
        error_messages={"required": unanswered, "invalid_choice": unanswered},
    )
