"""Hooks of the staff's pages, filled by the admin modules of the apps above."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http import HttpRequest
from django.urls import URLPattern

from web.hooks import Hook

if TYPE_CHECKING:
    from staff.site import PortalSite

# Further addresses below /admin/ that belong to no model.
pages: "Hook[Callable[[PortalSite], list[URLPattern]]]" = Hook()
# The address of the page about a person, for a person's id; "" if the user may not open it.
person_pages: Hook[Callable[[HttpRequest, int], str]] = Hook()
# The first page of a user, instead of the overview; "" for none.
landing_pages: Hook[Callable[[HttpRequest], str]] = Hook()
