from django.urls import path

from .views import finding, holding, reservations

urlpatterns = [
    path("booking/", finding.booking, name="booking"),
    path("booking/clinics/<str:code>/", finding.clinic, name="clinic"),
    path("booking/second/", finding.second, name="second"),
    path("booking/hold/", holding.hold, name="hold"),
    path("booking/confirm/", holding.confirm, name="confirm"),
    path("booking/extend/", holding.extend, name="extend"),
    path("booking/release/", holding.release, name="release"),
    path("reservations/", reservations.lookup, name="lookup"),
    path("reservations/<str:number>/", reservations.reservation, name="reservation"),
    path("reservations/<str:number>/cancel/", reservations.cancel, name="cancel"),
    path("reservations/<str:number>/undo/", reservations.undo, name="undo"),
    path("reservations/<str:number>/change/", reservations.change, name="change"),
    path("reservations/<str:number>/calendar.ics", reservations.calendar, name="calendar"),
]
