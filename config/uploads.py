"""Whether staff may send a large file, asked before any of it is read."""

from io import BytesIO

from django.contrib import admin
from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse


def may_upload(environ: dict, permission: str) -> bool:
    """Whether the session that the request's cookie names is of staff with this permission."""
    head = {**environ, "wsgi.input": BytesIO(), "CONTENT_LENGTH": "0"}
    request = WSGIRequest(head)
    SessionMiddleware(lambda _request: HttpResponse()).process_request(request)
    request.user = get_user(request)
    return admin.site.has_permission(request) and request.user.has_perm(permission)
