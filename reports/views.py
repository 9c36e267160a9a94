"""Exports for programs, by token: `/exports/`."""

import tempfile
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.files.base import File
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseNotModified,
    JsonResponse,
)
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_safe

from dataio.values import BadValue, day, moment
from reports.definitions import EXPORTS
from reports.describing import table_schema
from reports.enums import CONTENT_TYPES, Encoding, FileStatus, Headers, Packing, Zone
from reports.exceptions import BadSelection
from reports.exports import Export
from reports.fhir import RESOURCES
from reports.files import name_of, order_file, record_fetch_by_token
from reports.models import ExportFile, ExportToken
from reports.packing import coded, packed
from reports.ranges import Part, Unsatisfiable, part_asked_for
from reports.reading import query_of, rows_expected
from reports.selection import Form, Selection, select
from reports.storage import storage_of
from reports.taking import record_taking
from reports.tokens import NoToken, TooOften, token_of
from reports.writing import Hashing, write_csv
from web.encodings import coding_for

# Rows that Postgres reads while a program waits; more are made by a worker.
MOST_AT_ONCE = 50_000
RETRY_SECONDS = 5
# What is sent in a coding that the program takes. Kept files never are: a transfer that broke off
# is taken up at a byte of the file as it lies there.
CODABLE, CODINGS = [Packing.CSV, Packing.NDJSON], ["zstd", "gzip"]
OPTIONS = [
    "from", "to", "since", "region", "cohort", "columns", "encoding", "headers", "zone", "keep",
]  # fmt: skip

View = Callable[..., HttpResponseBase]


def for_programs(view: View) -> View:
    """Answers in JSON what is wrong with token, address or options; nothing is cached."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase
        try:
            response = view(request, token_of(request), *args, **kwargs)
        except NoToken:
            response = problem(401, _("A good token is needed: Authorization: Bearer …"))
            response["WWW-Authenticate"] = 'Bearer realm="exports"'
        except TooOften:
            response = problem(429, _("Too many requests. Wait a minute."))
            response["Retry-After"] = "60"
        except BadSelection as refusal:
            response = problem(400, str(refusal), option=refusal.option)
        except Http404:
            response = problem(404, _("There is no such export or file."))
        response["Cache-Control"] = "no-store"
        return response

    return guarded


def problem(status: int, text: str, **more: Any) -> JsonResponse:
    return JsonResponse({"problem": text, **more}, status=status)


@require_GET
@for_programs
def overview(request: HttpRequest, token: ExportToken) -> HttpResponseBase:
    """The exports that the token opens, each with its Table Schema."""
    exports = [
        {
            "name": export.name,
            "version": export.version,
            "address": reverse("exports:take", args=[export.name, "csv"]),
            "since": bool(export.changed),
            "fhir": RESOURCES.get(export.name),
            "schema": table_schema(export, _columns(export, token)),
        }
        for export in EXPORTS.values()
        if export.name in token.exports
    ]
    return JsonResponse({"exports": exports, "expires_at": token.expires_at})


def _columns(export: Export, token: ExportToken) -> Any:
    people = token.names and export.has_people
    recipient = token.recipient if export.has_people else ""
    return select(export, people=people, recipient=recipient).columns


@require_GET
@for_programs
def take(request: HttpRequest, token: ExportToken, name: str, packing: str) -> HttpResponseBase:
    """The file; or 202 and where it will be, if a worker makes it."""
    export = EXPORTS.get(name)
    if export is None or packing not in Packing.values:
        raise Http404
    if export.name not in token.exports:
        return problem(403, _("This token does not open this export."))
    selection, form = _asked_for(request, token, export, Packing(packing))
    keep = request.GET.get("keep", "") == "1"
    if keep or rows_expected(query_of(selection, Zone.UTC)) > MOST_AT_ONCE:
        file = order_file(selection=selection, form=form, reason=token.reason, token=token)
        return _accepted(file)
    return _at_once(request, token, selection, form)


def _asked_for(
    request: HttpRequest, token: ExportToken, export: Export, packing: Packing
) -> tuple[Selection, Form]:
    options = request.GET
    unknown = sorted(set(options) - set(OPTIONS))
    if unknown:
        raise BadSelection(unknown[0], _("There is no such option."))
    region = options.get("region", "")
    if token.region and region and region != token.region:
        raise BadSelection("region", _("This token opens %s only.") % token.region)
    selection = select(
        export,
        first=_read("from", options.get("from", ""), day),
        last=_read("to", options.get("to", ""), day),
        since=_read("since", options.get("since", ""), moment),
        region=token.region or region,
        cohort=options.get("cohort", ""),
        columns=[part for part in options.get("columns", "").split(",") if part],
        people=token.names and export.has_people,
        recipient=token.recipient if export.has_people else "",
    )
    form = Form(
        encoding=_choice("encoding", options.get("encoding", "utf-8"), Encoding),
        headers=_choice("headers", options.get("headers", "names"), Headers),
        zone=_choice("zone", options.get("zone", "seoul"), Zone),
        packing=packing,
    )
    return selection, form


def _read(option: str, text: str, parse: Callable[[str], Any]) -> Any:
    try:
        return parse(text) if text else None
    except BadValue as bad:
        raise BadSelection(option, str(bad)) from None


def _choice(option: str, text: str, choices: Any) -> Any:
    try:
        return choices(text)
    except ValueError:
        names = ", ".join(choices.values)
        raise BadSelection(option, _("Write one of: %s") % names) from None


def _at_once(
    request: HttpRequest, token: ExportToken, selection: Selection, form: Form
) -> HttpResponseBase:
    """The whole file before its first byte, and its taking on record before that."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - FileResponse closes it
    coding = ""
    if form.packing in CODABLE:
        coding = coding_for(request.headers.get("Accept-Encoding", ""), CODINGS)
    try:
        hashing = Hashing(file)
        with (
            coded(hashing.as_file, coding) as outer,
            packed(outer, selection, form.packing) as target,
        ):
            written = write_csv(target, selection, form.for_packing)
        record_taking(
            selection, written, reason=token.reason, request=request, by=f"token:{token.name}"
        )
        file.seek(0)
    except BaseException:
        file.close()
        raise
    response = FileResponse(
        file,
        as_attachment=True,
        filename=f"{selection.export.name}.{form.packing.value}",
        content_type=CONTENT_TYPES[form.packing],
    )
    if coding:
        response["Content-Encoding"] = coding
    patch_vary_headers(response, ["Accept-Encoding"])
    response["ETag"] = f'"{hashing.sha256}"'
    response["Jari-Rows"] = str(written.rows)
    response["Jari-Version"] = str(selection.export.version)
    response["Jari-Replaced"] = str(written.replaced_count)
    assert written.as_of is not None
    response["Jari-Next-Since"] = (written.as_of - OVERLAP).isoformat(timespec="seconds")
    return response


# Rows that were being written while the file was read carry a time before it.
OVERLAP = timedelta(minutes=1)


def _accepted(file: ExportFile) -> HttpResponseBase:
    address = reverse("exports:kept", args=[file.key])
    response = JsonResponse({"file": address, "status": file.status, "rows": file.rows}, status=202)
    response["Location"] = address
    response["Retry-After"] = str(RETRY_SECONDS)
    return response


@require_safe
@for_programs
def kept(request: HttpRequest, token: ExportToken, key: UUID) -> HttpResponseBase:
    """A file that a worker made for this token; whole, or from where a transfer broke off."""
    file = ExportFile.objects.filter(key=key, token=token).first()
    if file is None:
        raise Http404
    if file.is_open:
        return _accepted(file)
    if file.status != FileStatus.DONE:
        return problem(410, str(FileStatus(file.status).label))
    etag = f'"{file.sha256}"'
    if request.headers.get("If-None-Match", "") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    try:
        part = _part(request, file, etag)
    except Unsatisfiable:
        response: HttpResponseBase = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{file.size}"
        return response
    if request.method == "GET":
        record_fetch_by_token(file, request)
    return _kept_bytes(file, part, etag)


def _part(request: HttpRequest, file: ExportFile, etag: str) -> tuple[int, int] | None:
    # Another file than the one that broke off is sent whole.
    if request.headers.get("If-Range", etag) != etag:
        return None
    return part_asked_for(request.headers.get("Range", ""), file.size)


def _kept_bytes(file: ExportFile, part: tuple[int, int] | None, etag: str) -> HttpResponseBase:
    packing = Packing(file.options["packing"])
    first, last = part or (0, file.size - 1)
    content: File[Any] = storage_of(file.storage).open(name_of(file))
    response = FileResponse(
        Part(content, first, last),
        as_attachment=True,
        filename=f"{file.export}-{file.pk}.{packing.value}",
        content_type=CONTENT_TYPES[packing],
        status=206 if part else 200,
    )
    response["Content-Length"] = str(last - first + 1)
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Jari-Rows"] = str(file.rows)
    if part:
        response["Content-Range"] = f"bytes {first}-{last}/{file.size}"
    return response
