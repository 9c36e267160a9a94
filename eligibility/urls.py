from django.urls import path

from eligibility import views

urlpatterns = [
    path("identity/", views.identity, name="identity"),
    path("identity/code/", views.identity_code, name="identity_code"),
    path("identity/district/", views.identity_district, name="identity_district"),
    path("identity/sign-out/", views.identity_sign_out, name="identity_sign_out"),
    path("identity/with/<slug:code>/", views.identity_provider, name="identity_provider"),
    path("identity/data/", views.my_data, name="my_data"),
    path("family/", views.family, name="family"),
    path("family/back/", views.family_back, name="family_back"),
    path("family/<int:pk>/act/", views.family_act, name="family_act"),
    path("family/<int:pk>/end/", views.family_end, name="family_end"),
    path("eligibility/", views.eligibility, name="eligibility"),
    path("eligibility/<slug:code>/review/", views.review, name="review"),
    path("eligibility/<slug:code>/review/withdraw/", views.review_withdraw, name="review_withdraw"),
]
