"""The page on which a person chooses ahead what would suit them."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from booking.areas import areas_in, district_key
from booking.finder import availability
from booking.finder.search import coordinates_of
from booking.forms import WishForm
from booking.services import wishes
from booking.services.wishes import Wished
from booking.views.places import district_choices
from eligibility.models import Person
from eligibility.sessions import signed_in, to_identity
from web.language import is_unsent, keeps_typed_in_any_language
from web.posted import form_data

FIELDS = ("around", "part", "vaccine")


# No page of booking, and so not measured by the line's pace: people open it while they wait.
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@keeps_typed_in_any_language
def wishes_page(request: HttpRequest) -> HttpResponse:
    """What would suit the person: shown, changed, or deleted with `forget`."""
    session = signed_in(request)
    if session is None:
        return to_identity(reverse("wishes"))
    if request.method == "POST" and "forget" in request.POST:
        wishes.forget_wishes([session.person_id])
        return redirect("wishes")
    # More districts to choose from: the form again, with what is typed in it.
    around = request.POST.get("around", "")[:60]
    looks = "look" in request.POST and (not around or coordinates_of(around) is not None)
    stored = wishes.wishes_of(session.person_id, session.sees_from)
    form = _form(request, session.person_id, stored, around, unsent=looks or is_unsent(request))
    if form.is_bound and form.is_valid():
        wishes.keep_wishes(person_id=session.person_id, wished=form.wished())
        return redirect(f"{reverse('wishes')}?kept=1")
    context = {
        "form": form,
        "typed_form": "wishes",
        "stored": stored,
        "kept": "kept" in request.GET and request.method == "GET",
    }
    return render(request, "booking/wishes.html", context, status=422 if form.errors else 200)


def _form(
    request: HttpRequest, person_id: int, stored: Wished | None, around: str, *, unsent: bool
) -> WishForm:
    """The form with the districts around home, around the place typed, and those chosen.

    `unsent`: it shows what is typed so far, without checking it.
    """
    rows = Person.objects.filter(pk=person_id).values_list("region", "district")
    home = rows.first() or ("", "")
    chosen = areas_in(request.POST.getlist("places")) + (stored.areas if stored else [])
    places = district_choices(home, chosen, around=around)
    shown = stored or Wished((district_key(*home),))
    initial = {
        "places": list(shown.places),
        "weekday": [str(day) for day in shown.weekdays],
        "part": shown.part,
        "vaccine": availability.directory().vaccine_code(shown.vaccine_id),
        "needs": list(shown.needs),
    }
    if unsent:
        initial = {name: request.POST.get(name, "") for name in FIELDS}
        initial |= {name: request.POST.getlist(name) for name in ("places", "weekday", "needs")}
    vaccines = wishes.vaccines_to_choose(person_id)
    data = None if unsent else form_data(request)
    return WishForm(data, places=places, vaccines=vaccines, initial=initial)
