"""A developer's machine: `make run`, and manage.py besides it."""

import os

from launcher.home import fill_environment

# `make run` stores addresses and secrets under JARI_HOME, where manage.py reads them.
fill_environment(os.environ)

from config.settings.base import *  # noqa: E402, F403
