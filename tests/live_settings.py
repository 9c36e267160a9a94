"""Settings of tests.live_portal: as in production with their pool, but static files as they lie."""

from config.settings.base import *  # noqa: F403
from config.settings.base import STORAGES

ALLOWED_HOSTS = ["*"]
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
}
