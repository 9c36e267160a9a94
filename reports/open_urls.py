from django.urls import path

from reports import open_views

app_name = "open"
urlpatterns = [
    path("", open_views.page, name="page"),
    path("<str:language>/", open_views.page_in, name="page_in"),
    path("data/<str:name>", open_views.file, name="file"),
    path("slots/<str:name>", open_views.slots, name="slots"),
]
