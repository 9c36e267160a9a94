"""A newcomer's machine: `make run`, or manage.py beside it."""

import os

from launcher.home import fill_environment

# `make run` left its addresses and secrets under JARI_HOME; manage.py alone finds them there.
fill_environment(os.environ)

from config.settings.base import *  # noqa: E402, F403
