"""The questions before a vaccination at the clinic: read, asked at the counter, printed.

For staff of the appointment's clinic alone; each look is recorded.
"""

from collections.abc import Callable
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from booking.exceptions import Refused
from booking.models import Reservation
from database.clock import known_now
from eligibility.admin.people import moment
from staff.actors import CITIZEN, actor_of
from staff.enums import Act
from staff.models import User
from staff.names import actor_names
from staff.services import staff_of
from vaccination.admin.forms import Screening
from vaccination.admin.visits import VisitPages
from vaccination.forms import AnswerForm, page_shown, typed_answers
from vaccination.models import QuestionnaireResponse
from vaccination.questionnaire import Answers, Content, answered, picked
from vaccination.rules import why_not_answer
from vaccination.services.doses import form_address
from vaccination.services.questionnaires import (
    content_of,
    current_version,
    flagged_items,
    may_see_answers,
    response_of,
    send_answers,
    sent_answers,
    waits_for_doctor,
)


class AnswerPages(VisitPages):
    """Adds the pages of the answers to the admin of doses."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        name = "vaccination_dosegiven_"
        of = "of/<int:reservation_id>/questions/"
        return [
            path(of, view(self.answers_view), name=f"{name}questions"),
            path(f"{of}print/", view(self.print_view), name=f"{name}questions_print"),
            path("questions/", view(self.empty_view), name=f"{name}questions_empty"),
            *super().get_urls(),
        ]

    def questions_summary(
        self,
        request: HttpRequest,
        row: Reservation,
        response: QuestionnaireResponse | None,
        names: dict[str, str],
        content: Callable[[int], Content],
    ) -> dict[str, Any]:
        """Context of the part of a visit's page that says what was answered; {} where hidden.

        `names` are those of `actors_of` the response, `content` gives the questions of a version.
        """
        if response is None or not _may_see(request, row):
            return {}
        # The questions alone: what was answered stands one press away, on record.
        flags = [str(item.text) for item in flagged_items(response, content)]
        return {
            "flags": flags,
            **_texts_of(response, names),
            "address": reverse("admin:vaccination_dosegiven_questions", args=[row.pk]),
            "print_address": reverse("admin:vaccination_dosegiven_questions_print", args=[row.pk]),
        }

    def answers_view(self, request: HttpRequest, reservation_id: int) -> HttpResponse:
        """What the person answered; or the form, to ask at the counter. POST stores it."""
        row = self._own_visit(request, reservation_id)
        if request.method == "POST":
            return self._store(request, row)
        self.note(request, Act.DETAIL, row, "answers")
        response = response_of(row)
        sent = sent_answers(response)
        # A new form begins with what was sent: the counter corrects one answer, not all.
        may_answer = why_not_answer(row, at_counter=True, now=known_now()) is None
        asks = may_answer and (sent is None or "change" in request.GET)
        return self._answers_page(request, row, response, sent or {} if asks else None)

    def _store(self, request: HttpRequest, row: Reservation) -> HttpResponse:
        version = current_version()
        items = version.content.items
        shown = page_shown(request)
        form = AnswerForm(request.POST, items=items, answers={})
        if shown.version == version.number and not form.is_valid():
            return self._answers_page(request, row, response_of(row), {}, form=form)
        typed = typed_answers(items, request.POST.dict())
        by = actor_of(staff_of(request))
        # An invalid form gets here only from an outdated page, which is refused.
        try:
            send_answers(reservation=row, answers=typed, shown=shown, by=by)
        except Refused as refusal:
            row.refresh_from_db()
            response = response_of(row)
            return self._answers_page(request, row, response, typed, refusal=refusal)
        self.note(request, Act.CHANGE, row, "answers")
        return HttpResponseRedirect(form_address(row))

    def _answers_page(
        self,
        request: HttpRequest,
        row: Reservation,
        response: QuestionnaireResponse,
        answers: Answers | None,
        *,
        form: AnswerForm | None = None,
        refusal: Refused | None = None,
    ) -> HttpResponse:
        """The form with `answers`, or without them what was sent."""
        version = current_version()
        items = version.content.items
        if form is None and answers is not None:
            form = AnswerForm(items=items, answers=picked(items, answers))
        sent = sent_answers(response)
        content = content_of(response.version) if response.version else version.content
        may_answer = why_not_answer(row, at_counter=True, now=known_now()) is None
        return self.visit_page(
            request,
            row,
            "admin/vaccination/dosegiven/questions.html",
            end=_("Questions before the vaccination"),
            form=form or AnswerForm(items=(), answers={}),
            is_refused=refusal is not None,
            asks=form is not None and may_answer,
            refusal=refusal,
            rows=answered(content.items, sent) if form is None and sent else [],
            **_texts_of(response),
            may_answer=may_answer,
            version=version.number,
            revision=response.revision,
            print_address=reverse("admin:vaccination_dosegiven_questions_print", args=[row.pk]),
        )

    def print_view(self, request: HttpRequest, reservation_id: int) -> HttpResponse:
        """The sheet of one person in both languages, filled in as far as it was answered."""
        row = self._own_visit(request, reservation_id)
        self.note(request, Act.PRINT, row, "answers")
        response = response_of(row)
        version = response.version or current_version().number
        return self._sheet(request, version, sent_answers(response) or {}, row, response)

    def empty_view(self, request: HttpRequest) -> HttpResponse:
        """An empty sheet, for people who answer on paper."""
        if not self.has_record_permission(request):
            raise PermissionDenied
        return self._sheet(request, current_version().number, {}, None, None)

    def _sheet(
        self,
        request: HttpRequest,
        version: int,
        answers: Answers,
        row: Reservation | None,
        response: QuestionnaireResponse | None,
    ) -> HttpResponse:
        content = content_of(version)
        texts: dict[str, Any] = {"state": "", "doctor": ""}
        if response:
            texts = _texts_of(response)
        return self.page(
            request,
            "admin/vaccination/dosegiven/questions_print.html",
            _("Questions before the vaccination"),
            row=row,
            content=content,
            version=version,
            rows=answered(content.items, answers),
            **texts,
            back=form_address(row) if row else "",
        )

    def _own_visit(self, request: HttpRequest, reservation_id: int) -> Reservation:
        row = self.visit(request, reservation_id)
        # As for a row that does not exist: a superuser sees the reservation, but no answers.
        if not _may_see(request, row):
            raise Http404
        return row


def _may_see(request: HttpRequest, row: Reservation) -> bool:
    """Only staff of the clinic of the appointment: not superusers, not the former clinic."""
    user = staff_of(request)
    return may_see_answers(user) and row.slot.clinic_id == user.clinic_id


def response_shown(row: Reservation, user: User) -> QuestionnaireResponse | None:
    """What was answered before this visit; None to those who may not see answers."""
    return response_of(row) if may_see_answers(user) else None


def screening_of(
    response: QuestionnaireResponse | None, content: Callable[[int], Content]
) -> Screening:
    """What the form of a dose asks about the questions."""
    if response is None:
        return Screening.NONE
    if waits_for_doctor(response, content):
        return Screening.DOCTOR
    return Screening.UNANSWERED if response.sent_at is None else Screening.NONE


def actors_of(response: QuestionnaireResponse | None) -> list[str]:
    """Who answered, and who recorded that the doctor has spoken to the person."""
    return [response.by, response.doctor_by] if response else []


def _texts_of(
    response: QuestionnaireResponse, names: dict[str, str] | None = None
) -> dict[str, Any]:
    names = names or actor_names(actors_of(response))
    return {"state": _state_of(response, names), "doctor": _doctor_text(response, names)}


def _state_of(response: QuestionnaireResponse, names: dict[str, str]) -> str:
    """Whether, when and by whom the questions were answered."""
    if response.sent_at is None:
        begun = response.draft is not None
        return _("Begun by the person, not sent yet") if begun else _("Not answered")
    values = {
        "time": moment(response.sent_at),
        "who": names[response.by],
        "version": response.version,
    }
    if response.is_on_paper:
        return _("Answered on paper; recorded %(time)s by %(who)s") % values
    if response.by == CITIZEN:
        return _("Answered by the person, %(time)s (version %(version)s)") % values
    return _("Asked at the counter by %(who)s, %(time)s (version %(version)s)") % values


def _doctor_text(response: QuestionnaireResponse, names: dict[str, str]) -> str:
    if response.doctor_at is None:
        return ""
    values = {"time": moment(response.doctor_at), "who": names[response.doctor_by]}
    return _("The doctor has spoken to the person (recorded %(time)s by %(who)s)") % values
