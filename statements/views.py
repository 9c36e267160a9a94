from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from statements.enums import Subject
from statements.help_lines import help_lines
from statements.reading import shown


@never_cache
@require_safe
def statement(request: HttpRequest, subject: Subject) -> HttpResponse:
    """A text of the authority for the public."""
    is_help = subject == Subject.HELP
    context = {
        "statement": shown(subject),
        "is_help": is_help,
        "lines": help_lines(request) if is_help else None,
    }
    return render(request, "statements/statement.html", context)
