from django.urls import path

from messaging import views

urlpatterns = [
    path("reports/messages/solapi/", views.solapi_reports, name="solapi_reports"),
    path("reports/messages/mail/<slug:provider>/", views.mail_reports, name="mail_reports"),
]
