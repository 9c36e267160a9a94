from django.urls import path

from booking.views import (
    changes,
    closures,
    finder,
    holds,
    offers,
    reservations,
    sharing,
    together,
    wishes,
)

# Documented in docs/http.md. Numbers and codes are `str`: the views read any spelling of them and
# answer invalid ones with a page of their own.
urlpatterns = [
    path("booking/", finder.booking, name="booking"),
    path("booking/clinics/<str:code>/", finder.clinic, name="clinic"),
    path("booking/second/", finder.second, name="second"),
    path("booking/hold/", holds.hold, name="hold"),
    path("booking/confirm/", holds.confirm, name="confirm"),
    path("booking/extend/", holds.extend, name="extend"),
    path("booking/release/", holds.release, name="release"),
    path("booking/together/", together.people, name="together_people"),
    path("booking/together/<str:party>/", together.together, name="together"),
    path("booking/together/<str:party>/second/", together.second, name="together_second"),
    path("booking/together/<str:party>/confirm/", together.confirm, name="together_confirm"),
    path("booking/together/<str:party>/extend/", together.extend, name="together_extend"),
    path("booking/together/<str:party>/release/", together.release, name="together_release"),
    path("booking/list/", offers.cancellation_list, name="cancellation_list"),
    path("booking/list/leave/", offers.leave, name="leave_list"),
    path("wishes/", wishes.wishes_page, name="wishes"),
    path("offers/<uuid:token>/", offers.offer, name="offer"),
    path("offers/<uuid:token>/decline/", offers.decline, name="decline"),
    path("closures/<uuid:token>/", closures.closure_offer, name="closure_offer"),
    path("reservations/", reservations.lookup, name="lookup"),
    path("reservations/<str:number>/", reservations.reservation, name="reservation"),
    path("reservations/<str:number>/cancel/", reservations.cancel, name="cancel"),
    path("reservations/<str:number>/undo/", reservations.undo, name="undo"),
    path("reservations/<str:number>/change/", changes.change, name="change"),
    path("reservations/<str:number>/change/both/", changes.change_both, name="change_both"),
    path("reservations/<str:number>/share/", sharing.share, name="share"),
    path("reservations/<str:number>/calendar.ics", reservations.calendar, name="calendar"),
]
