from django.contrib import admin
from django.urls import include, path

from config import home, views
from reports import metrics, status_files
from web import letters
from web.language import choose_language

# Django tries the patterns in order, so the pages of an opening's rush come first.
urlpatterns = [
    path("", include("booking.urls")),
    path("", include("waiting_room.urls")),
    path("", include("vaccination.urls")),
    path("", home.home, name="home"),
    path("mine/", home.own_place, name="own_place"),
    path("how/", home.how, name="how"),
    path("status/", status_files.status, name="status"),
    path("status/status.json", status_files.status, name="status_facts"),
    path("status/<str:language>/", status_files.status, name="status_in"),
    path("", include("reports.urls")),
    path("open/", include("reports.open_urls")),
    path("", include("statements.urls")),
    path("", include("messaging.urls")),
    path("healthz", views.healthz, name="healthz"),
    path("identity/room/", views.identity_room, name="identity_room"),
    path("metrics", metrics.metrics, name="metrics"),
    path("readyz", views.readyz, name="readyz"),
    path("letters/", letters.choose, name="letters"),
    path("i18n/setlang/", choose_language, name="set_language"),
    path("admin/rq/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("", include("eligibility.urls")),
]
