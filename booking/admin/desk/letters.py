"""Letters to people without a phone: printed by the local government in one batch."""

from collections import Counter
from collections.abc import Sequence

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from booking.admin.desk.caller import search_crumb
from booking.admin.desk.cards import CardPages
from booking.admin.people import letters_for
from booking.letters import letters_pdf
from database.clock import known_today
from eligibility.models import Person
from messaging.hooks import name_of
from messaging.letters import batch, batches, print_waiting, waiting
from messaging.models import Message
from staff.actors import actor_of
from staff.enums import Act
from staff.names import actor_names
from staff.services import staff_of


class LetterPages(CardPages):
    """Adds the page of letters, for those who may print them."""

    def letters_view(self, request: HttpRequest) -> HttpResponse:
        """What waits to be printed and what was; a POST prints, with `again` a batch once more."""
        if not self.has_print_permission(request):
            raise PermissionDenied
        user = staff_of(request)
        own, by = letters_for(user), actor_of(user)
        if request.method == "POST":
            if "again" in request.POST:
                return self._print_again(request, own)
            rows = print_waiting(own, by=by)
            if rows:
                return self._pdf(request, rows, again=False)
            messages.info(request, _("No letter waits to be printed."))
            return HttpResponseRedirect(reverse("admin:desk_letters"))
        kinds = Counter(waiting(own).values_list("kind", flat=True))
        printed = batches(own)
        names = actor_names(by for _at, by, _count in printed)
        return self.page(
            request,
            "admin/booking/desk/letters.html",
            _("Letters to print"),
            crumbs=[search_crumb()],
            total=kinds.total(),
            kinds=[(name_of(kind), count) for kind, count in kinds.most_common()],
            printed=[
                {"at": at, "name": names[by], "count": count, "key": f"{at.isoformat()}|{by}"}
                for at, by, count in printed
            ],
        )

    def _print_again(self, request: HttpRequest, own: QuerySet[Message]) -> HttpResponse:
        time, _separator, by = request.POST["again"].partition("|")
        try:
            at = parse_datetime(time)
        except ValueError:
            at = None
        rows = batch(own, printed_at=at, by=by[:40]) if at and at.tzinfo else []
        if rows:
            return self._pdf(request, rows, again=True)
        messages.error(request, _("These letters are no longer kept."))
        return HttpResponseRedirect(reverse("admin:desk_letters"))

    def _pdf(self, request: HttpRequest, rows: Sequence[Message], *, again: bool) -> HttpResponse:
        user = staff_of(request)
        people = Person.objects.in_bulk({row.person_id for row in rows if row.person_id})
        self._record(request, Act.PRINT, "letters", sorted(people), count=len(rows), again=again)
        sender = " ".join(filter(None, [user.region, user.district])) or _("Jari")
        on = known_today()
        response = HttpResponse(
            letters_pdf(rows, people, sender=sender, on=on), content_type="application/pdf"
        )
        response["Content-Disposition"] = f'attachment; filename="letters-{on:%Y%m%d}.pdf"'
        return response
