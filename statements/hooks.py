"""What the texts for the public ask of apps above."""

from collections.abc import Callable

from django.http import HttpRequest

from web.hooks import Hook

# The region of the person who reads a page; "" where nobody is signed in.
region_of_reader: Hook[Callable[[HttpRequest], str]] = Hook()
