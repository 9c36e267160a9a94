from django.urls import path

from statements.enums import Subject
from statements.views import statement

urlpatterns = [
    path(f"{subject.value}/", statement, {"subject": subject}, name=subject.value)
    for subject in Subject
]
