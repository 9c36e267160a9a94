from django.urls import path

from eligibility import family_views, views

urlpatterns = [
    path("identity/", views.identity, name="identity"),
    path("identity/code/", views.identity_code, name="identity_code"),
    path("identity/district/", views.identity_district, name="identity_district"),
    path("identity/sign-out/", views.identity_sign_out, name="identity_sign_out"),
    path("identity/with/<slug:code>/", views.identity_provider, name="identity_provider"),
    path("identity/with/<slug:code>/wait/", views.identity_wait, name="identity_wait"),
    path("identity/data/", views.my_data, name="my_data"),
    path("family/", family_views.family, name="family"),
    path("family/back/", family_views.family_back, name="family_back"),
    path("family/answer/<uuid:token>/", family_views.family_answer, name="family_answer"),
    path("family/asked/<int:pk>/reply/", family_views.family_reply, name="family_reply"),
    path("family/asked/<int:pk>/withdraw/", family_views.family_withdraw, name="family_withdraw"),
    path("family/<int:pk>/act/", family_views.family_act, name="family_act"),
    path("family/<int:pk>/end/", family_views.family_end, name="family_end"),
    path("eligibility/", views.eligibility, name="eligibility"),
    path("eligibility/<slug:code>/review/", views.review, name="review"),
    path("eligibility/<slug:code>/review/withdraw/", views.review_withdraw, name="review_withdraw"),
]
