from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from statements.enums import Subject
from statements.reading import shown


@never_cache
@require_safe
def statement(request: HttpRequest, subject: Subject) -> HttpResponse:
    """A text of the authority for the public."""
    context = {"statement": shown(subject), "is_help": subject == Subject.HELP}
    return render(request, "statements/statement.html", context)
