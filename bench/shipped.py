"""The portal's settings with static files as a real portal sends them: hashed and compressed."""

from bench.settings import *  # noqa: F403
from config.settings.base import STORAGES  # noqa: F401
