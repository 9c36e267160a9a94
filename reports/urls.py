from django.urls import path

from reports import views

app_name = "exports"
# Without a slash at the end: what ends with one is a page, which http leads to https, with a token
# sent in plain before (web.transport).
urlpatterns = [
    path("exports/index.json", views.overview, name="overview"),
    path("exports/files/<uuid:key>", views.kept, name="kept"),
    path("exports/<slug:name>.<str:packing>", views.take, name="take"),
]
