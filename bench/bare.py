"""Django without middleware: the least that an answer costs."""

from bench.settings import *  # noqa: F403

MIDDLEWARE = []
