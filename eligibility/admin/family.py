"""Admin of proxy requests: the counter answers for people without a phone, who show their identity
card."""

from typing import Any, ClassVar, cast

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from eligibility.admin.people import ReadOnlyAdmin, moment
from eligibility.enums import ProxyAnswer
from eligibility.exceptions import Refusal
from eligibility.models import ProxyRequest
from eligibility.services.family import answer_proxy_request
from eligibility.spelling import masked_phone, shown_phone
from staff.actors import actor_of
from staff.services import staff_of


class AnswerForm(forms.ModelForm[ProxyRequest]):
    by: ClassVar[str]  # the acting user; set on a form class made for one request
    verdict = forms.ChoiceField(
        label=gettext_lazy("What the person says"),
        choices=[
            ("", gettext_lazy("Not asked yet")),
            (ProxyAnswer.YES, gettext_lazy("Yes: they are here, and their identity card agrees")),
            (ProxyAnswer.NO, gettext_lazy("No")),
        ],
        required=False,
    )

    class Meta:
        model = ProxyRequest
        fields: list[str] = []

    def _post_clean(self) -> None:
        """Call the service, which validates and writes; its refusal becomes the form's error."""
        verdict = self.cleaned_data.get("verdict")
        if self.errors or not verdict:
            return
        try:
            answer_proxy_request(request=self.instance, yes=verdict == ProxyAnswer.YES, by=self.by)
        except Refusal as refusal:
            self.add_error("verdict", str(refusal))


@admin.register(ProxyRequest)
class ProxyRequestAdmin(ReadOnlyAdmin[ProxyRequest]):
    """Requests to book for another person: open ones first, the oldest on top."""

    form = AnswerForm
    region_path = "by"
    person_path = "by_id"
    list_display = ["number", "asking", "answer", "asked", "answered"]
    list_filter = ["answer"]
    list_select_related = ["by"]
    change_list_template = "admin/people_list.html"
    sortable_by = ()
    readonly_fields = [
        "asking",
        "shown_name",
        "born",
        "mobile",
        "asked_at",
        "answer",
        "answered_at",
        "answered_by",
    ]

    def get_ordering(self, request: HttpRequest) -> list[Any]:
        return [F("answered_at").desc(nulls_first=True), "asked_at"]

    def get_fieldsets(self, request: HttpRequest, obj: ProxyRequest | None = None) -> Any:
        waits = obj is not None and obj.answer == ProxyAnswer.WAITING
        answer = ["verdict"] if waits else ["answer", "answered_at", "answered_by"]
        return [
            (_("Who asks"), {"fields": ["asking", "asked_at"]}),
            (_("For whom, as it was typed"), {"fields": ["shown_name", "born", "mobile"]}),
            (_("Answer"), {"fields": answer}),
        ]

    def has_change_permission(self, request: HttpRequest, obj: ProxyRequest | None = None) -> bool:
        may = admin.ModelAdmin.has_change_permission(self, request, obj)
        return may and (obj is None or obj.answer == ProxyAnswer.WAITING)

    def get_form(
        self,
        request: HttpRequest,
        obj: ProxyRequest | None = None,
        change: bool = False,
        **kwargs: Any,
    ) -> type[AnswerForm]:
        form = cast("type[AnswerForm]", super().get_form(request, obj, change, **kwargs))
        form.by = actor_of(staff_of(request))
        return form

    def save_model(
        self,
        request: HttpRequest,
        obj: ProxyRequest,
        form: forms.ModelForm[ProxyRequest],
        change: bool,
    ) -> None:
        """Nothing to do: the form's service has written the answer."""

    @admin.display(description=gettext_lazy("number"))
    def number(self, proxy_request: ProxyRequest) -> str:
        return str(proxy_request)

    @admin.display(description=gettext_lazy("asked by the phone"))
    def asking(self, proxy_request: ProxyRequest) -> str:
        return masked_phone(proxy_request.by.phone)

    @admin.display(description=gettext_lazy("asked at"))
    def asked(self, proxy_request: ProxyRequest) -> str:
        return moment(proxy_request.asked_at)

    @admin.display(description=gettext_lazy("answered at"))
    def answered(self, proxy_request: ProxyRequest) -> str:
        return moment(proxy_request.answered_at)

    @admin.display(description=gettext_lazy("name"))
    def shown_name(self, proxy_request: ProxyRequest) -> str:
        return proxy_request.name or "–"

    @admin.display(description=gettext_lazy("date of birth"))
    def born(self, proxy_request: ProxyRequest) -> str:
        return proxy_request.birth_date.isoformat() if proxy_request.birth_date else "–"

    @admin.display(description=gettext_lazy("mobile phone"))
    def mobile(self, proxy_request: ProxyRequest) -> str:
        return shown_phone(proxy_request.phone) if proxy_request.phone else "–"
