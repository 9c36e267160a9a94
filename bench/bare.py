"""Django with nothing in it: what an answer costs before anything is done for it."""

from bench.settings import *  # noqa: F403

MIDDLEWARE = []
