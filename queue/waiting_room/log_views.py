"""The public log of a line as files: as CSV, as tiles, and the proofs that a ticket is in it."""

import re
from pathlib import Path
from uuid import UUID

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from waiting_room.access import find_room, find_ticket, may_see
from waiting_room.models import Ticket
from waiting_room.offline import verify_line
from waiting_room.services.log_files import (
    NotYet,
    checkpoint_of,
    policy_of,
    proof_of,
    proof_to_keep,
    tile_of,
)
from waiting_room.services.publishing import log_file, prove
from waiting_room.tlog.tiles import Tile
from waiting_room.views import neutral

# The tick takes a ticket into the log within a second or two; witnesses answer within five.
PROOF_SECONDS = 5


@require_http_methods(["GET", "HEAD"])
def line_log(request: HttpRequest, code: str) -> FileResponse:
    """The log of a line, for everybody to check; it identifies nobody."""
    path = log_file(find_room(code))
    response = FileResponse(path.open("rb"), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{path.name}"'
    response.headers["Cache-Control"] = "public, max-age=60"
    return response


@require_http_methods(["GET", "HEAD"])
def verifier(request: HttpRequest) -> FileResponse:
    """The program that checks a log offline, as it stands in the repository."""
    return _program(verify_line.__file__)


@require_http_methods(["GET", "HEAD"])
def witness_program(request: HttpRequest) -> FileResponse:
    """The program with which anybody can witness the logs of this portal."""
    return _program(str(Path(verify_line.__file__).with_name("witness.py")))


def _program(path: str) -> FileResponse:
    program = Path(path).open("rb")  # noqa: SIM115  (the response closes it)
    response = FileResponse(program, content_type="text/x-python")
    response.headers["Content-Disposition"] = f'attachment; filename="{Path(path).name}"'
    return response


@require_http_methods(["GET", "HEAD"])
def log_checkpoint(request: HttpRequest, code: str) -> HttpResponse:
    """Size and root of the log, signed (C2SP tlog-checkpoint)."""
    room = find_room(code)
    return _log_text(str(checkpoint_of(room, room.now)), "public, max-age=1")


@require_http_methods(["GET", "HEAD"])
def log_policy(request: HttpRequest, code: str) -> HttpResponse:
    """Whose signatures make a checkpoint valid (C2SP tlog-policy)."""
    return _log_text(policy_of(find_room(code)), "public, max-age=60")


def _log_text(text: str, caching: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/plain; charset=utf-8")
    response.headers["Cache-Control"] = caching
    return response


@require_http_methods(["GET", "HEAD"])
def log_tile(request: HttpRequest, code: str, path: str) -> HttpResponse:
    """Hashes or entries of the log (C2SP tlog-tiles): they never change."""
    tile = Tile.parse(f"tile/{path}")
    content = tile_of(find_room(code), tile) if tile else None
    if content is None:
        raise Http404
    response = HttpResponse(content, content_type="application/octet-stream")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@never_cache
@require_http_methods(["GET", "HEAD"])
def ticket_tlog_proof(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """The proof that this ticket stands in the log, for strangers' tools (C2SP tlog-proof).

    It is of the newest log that its policy holds for valid; `?size=` asks for the log as a
    published checkpoint has it.
    """
    ticket = find_ticket(request, ticket_id)
    asked = request.GET.get("size", "")
    if not re.fullmatch(r"[0-9]{0,9}", asked):
        raise Http404
    if not may_see(request, ticket):
        return neutral(request)
    try:
        proof = proof_of(ticket, int(asked)) if asked else proof_to_keep(ticket)
    except NotYet as reason:
        return _no_proof_yet(request, ticket, reason)
    if proof is None:
        return _no_proof_yet(request, ticket, NotYet())
    response = HttpResponse(str(proof), content_type="text/plain; charset=utf-8")
    response.headers["Content-Disposition"] = 'attachment; filename="ticket.tlog-proof"'
    return response


@never_cache
@require_http_methods(["GET", "HEAD"])
def ticket_proof(request: HttpRequest, ticket_id: UUID) -> HttpResponse:
    """The proof that this ticket stands in the published log (docs/line-log.md)."""
    ticket = find_ticket(request, ticket_id)
    if not may_see(request, ticket):
        return neutral(request)
    proof = prove(ticket)
    if proof is None:
        return _no_proof_yet(request, ticket, NotYet())
    response = JsonResponse(proof, json_dumps_params={"indent": 1})
    response.headers["Content-Disposition"] = 'attachment; filename="proof.json"'
    return response


def _no_proof_yet(request: HttpRequest, ticket: Ticket, reason: NotYet) -> HttpResponse:
    """Why the proof is not there and when it will be; the page asks again by itself.

    404, as before: scripts and strangers' tools need no words.
    """
    context = {
        "ticket": ticket,
        "room": ticket.room,
        "signed": reason.signed,
        "size": reason.size,
        "seconds": PROOF_SECONDS,
    }
    response = render(request, "waiting_room/no_proof.html", context, status=404)
    response.headers["Retry-After"] = str(PROOF_SECONDS)
    return response
