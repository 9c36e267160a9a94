from django.urls import path

from vaccination import questionnaire_views, views

# Documented in docs/http.md.
urlpatterns = [
    path("reservations/<str:number>/certificate/", views.certificate, name="certificate"),
    path("reservations/<str:number>/certificate.pdf", views.pdf, name="certificate_pdf"),
    path("reservations/<str:number>/questions/", questionnaire_views.questions, name="questions"),
    path(
        "reservations/<str:number>/questions/delete/",
        questionnaire_views.withdraw,
        name="questions_delete",
    ),
    path("certificates/", views.verify, name="certificates"),
    path("certificates/<str:code>/", views.verify_code, name="certificate_of_code"),
]
