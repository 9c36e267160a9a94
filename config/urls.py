from django.contrib import admin
from django.urls import include, path

from . import home, views

urlpatterns = [
    path("", home.home, name="home"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/rq/", include("django_rq.urls")),
    path("admin/", admin.site.urls),
    path("", include("eligibility.urls")),
    path("", include("waiting_room.urls")),
    path("", include("booking.urls")),
]
