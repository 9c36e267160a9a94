"""The two requests of the opening minute, answered before any other middleware: polls and joins.

What is unusual about a request (nobody signed in, a missing token, a refusal, a database that is
gone) is left to the ordinary way, which has the pages for it.
"""

import re

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.middleware.csrf import CsrfViewMiddleware

from eligibility.sessions import signed_in

from .gathering import gatherer
from .models import Room
from .now import now_document

PATH = re.compile(r"/queue/([a-z0-9][a-z0-9-]{0,39})/(now\.json|join/)")


class LeanMiddleware:
    def __init__(self, get_response):
        self.get_response = get_response
        self.csrf = CsrfViewMiddleware(get_response)
        self._rooms: dict[str, int] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        match = PATH.fullmatch(request.path_info)
        response = None
        if match:
            try:
                if match[2] == "now.json" and request.method == "GET":
                    response = now_document(request, match[1])
                elif match[2] == "join/" and request.method == "POST" and settings.GATHER_JOINS:
                    response = self._join(request, match[1])
            except (Http404, DatabaseError, InterfaceError):
                response = None
        return response or self.get_response(request)

    def _join(self, request: HttpRequest, code: str) -> HttpResponse | None:
        who = signed_in(request)
        room_id = self._room(code)
        if who is None or room_id is None:
            return None
        self.csrf.process_request(request)
        if self.csrf.process_view(request, None, (), {}) is not None:
            return None
        ticket_id = gatherer.join(room_id, who.person_id)
        if ticket_id is None:
            return None
        headers = {"Location": f"/queue/t/{ticket_id}/", "Cache-Control": "no-store"}
        return HttpResponse(status=302, headers=headers)

    def _room(self, code: str) -> int | None:
        """A room keeps its cohort and a cohort its room, so this is asked once."""
        if code not in self._rooms:
            room_id = Room.objects.filter(cohort__code=code).values_list("pk", flat=True).first()
            if room_id is None:
                return None
            self._rooms[code] = room_id
        return self._rooms[code]
