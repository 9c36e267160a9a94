"""The form of an operator's order, and the words that are often said to those who wait."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django import forms
from django.core.validators import MinValueValidator
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from reports.control_room import RoomNow
from waiting_room.enums import Act, State
from waiting_room.services.orders import Order

ALL = "all"


class MessageTemplate(NamedTuple):
    """Words for those who wait, in both languages whatever the operator reads."""

    code: str
    label: Promise
    ko: str
    en: str


TEMPLATES = [
    MessageTemplate(
        "check",
        gettext_lazy("Systems are being checked"),
        "전산 점검으로 호출을 잠시 멈췄습니다. 번호는 그대로 유지됩니다.",
        "Calling has stopped for a check of our systems. Your number is kept.",
    ),
    MessageTemplate(
        "slow",
        gettext_lazy("Booking is slow"),
        "예약 화면이 느려져 호출을 잠시 멈췄습니다. 번호는 그대로 유지됩니다.",
        "Booking is slow, so calling has stopped for a moment. Your number is kept.",
    ),
    MessageTemplate(
        "doses",
        gettext_lazy("Doses are being counted"),
        "남은 백신 물량을 확인하고 있습니다. 끝나면 이어서 호출하며 번호는 그대로 유지됩니다.",
        "We are counting the doses that are left, and go on after that. Your number is kept.",
    ),
    MessageTemplate(
        "soon",
        gettext_lazy("It goes on soon"),
        "곧 다시 호출합니다. 이 화면을 닫으셔도 번호는 그대로 유지됩니다.",
        "Calling goes on soon. You may close this page: your number is kept.",
    ),
    MessageTemplate(
        "tomorrow",
        gettext_lazy("It goes on tomorrow"),
        "오늘 호출은 여기까지입니다. 내일 같은 순서로 이어서 호출하며 번호는 그대로 유지됩니다.",
        "This is all for today. Tomorrow calling goes on in the same order; your number is kept.",
    ),
]


class ActForm(forms.Form):
    """One order to one room, several or all; `orders` after a valid form."""

    act = forms.ChoiceField(
        choices=[(Act.PAUSE, ""), (Act.RESUME, ""), (Act.PACE, "")], widget=forms.HiddenInput
    )
    rooms = forms.MultipleChoiceField(
        label=gettext_lazy("Rooms"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one room.")},
    )
    template = forms.ChoiceField(
        label=gettext_lazy("Ready words"),
        required=False,
        choices=[
            ("", gettext_lazy("Own words")),
            *((words.code, words.label) for words in TEMPLATES),
        ],
    )
    message_ko = forms.CharField(
        label=gettext_lazy("Message to the public, Korean"), max_length=200, required=False
    )
    message_en = forms.CharField(
        label=gettext_lazy("Message to the public, English"), max_length=200, required=False
    )
    max_active = forms.IntegerField(
        label=gettext_lazy("People booking at once"),
        validators=[MinValueValidator(1)],
        max_value=1_000_000,
        required=False,
    )
    max_per_minute = forms.IntegerField(
        label=gettext_lazy("Called per minute at most"),
        validators=[MinValueValidator(1)],
        max_value=1_000_000,
        required=False,
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        min_length=2,
        max_length=200,
        help_text=gettext_lazy("For the record; not shown to the public."),
    )

    def __init__(self, *args: Any, rooms: Sequence[RoomNow], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._open = [shown.room for shown in rooms if shown.state != State.CLOSED]
        choices = [(str(room.pk), str(room)) for room in self._open]
        if len(choices) > 1:
            choices = [(ALL, str(_("All rooms"))), *choices]
        self._choose_from(choices)

    def _choose_from(self, choices: list[tuple[str, str]]) -> None:
        field = self.fields["rooms"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices
        if len(choices) == 1:
            field.initial = [choices[0][0]]

    def clean(self) -> None:
        super().clean()
        values = self.cleaned_data
        if values.get("act") == Act.PAUSE:
            self._take_ready_words(values)
        if values.get("act") == Act.PACE:
            for name in ("max_active", "max_per_minute"):
                if values.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Write a number."))

    def _take_ready_words(self, values: dict[str, Any]) -> None:
        """Those of the template where nothing is typed; people are owed a message in Korean."""
        words = next((ready for ready in TEMPLATES if ready.code == values.get("template")), None)
        if words and not values.get("message_ko"):
            values["message_ko"] = words.ko
            values["message_en"] = values.get("message_en") or words.en
        if not values.get("message_ko") and "message_ko" not in self.errors:
            self.add_error("message_ko", _("Say in Korean why nobody is called."))

    @property
    def orders(self) -> dict[int, Order]:
        """The order to each chosen room, by its id."""
        values = self.cleaned_data
        chosen = (
            {str(room.pk) for room in self._open} if ALL in values["rooms"] else {*values["rooms"]}
        )
        order = _order(values)
        return {room.pk: order for room in self._open if str(room.pk) in chosen}

    def carried(self) -> list[tuple[str, str]]:
        """The values as hidden fields of the page that asks once more."""
        values = self.cleaned_data
        rooms = [("rooms", str(room_id)) for room_id in self.orders]
        names = ["act", "message_ko", "message_en", "max_active", "max_per_minute", "reason"]
        return [*rooms, *((name, str(values[name])) for name in names if values.get(name))]


class UndoForm(forms.Form):
    """Why an act is taken back."""

    # The same field, so that both ask for the same.
    reason = ActForm.base_fields["reason"]


def _order(values: dict[str, Any]) -> Order:
    act = Act(values["act"])
    if act == Act.PAUSE:
        return Order(act=act, message_ko=values["message_ko"], message_en=values["message_en"])
    if act == Act.PACE:
        return Order(
            act=act, max_active=values["max_active"], max_per_minute=values["max_per_minute"]
        )
    return Order(act=act)
