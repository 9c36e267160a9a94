from django.contrib import admin
from django.urls import include, path

from config import home, views

# Tried in this order: what most requests of an opening ask for comes first.
urlpatterns = [
    path("", include("booking.urls")),
    path("", include("waiting_room.urls")),
    path("", home.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/rq/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("", include("eligibility.urls")),
]
