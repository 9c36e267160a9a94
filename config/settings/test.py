"""The test suite, with the real Postgres and Redis that tests/services.py starts."""

import base64
import os

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("JARI_INDEX_KEYS", "1:" + base64.b64encode(b"i" * 32).decode())
os.environ.setdefault("JARI_DATA_KEYS", "1:" + base64.b64encode(b"t" * 32).decode())
os.environ.setdefault("JARI_LOG_KEYS", base64.b64encode(b"l" * 32).decode())

from config.settings.base import *  # noqa: F403
from config.settings.base import DATABASES, STORAGES

# Each thread of a race test needs its own connection; a pool would serialize them.
DATABASES["default"]["OPTIONS"].pop("pool")
DATABASES["default"]["TEST"] = {"TEMPLATE": "template0"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage",
}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
ALLOWED_HOSTS = ["*"]
SAMPLE = False
# No network; the random number is there at the next tick.
DRAW_SOURCE, DRAW_AFTER, SAMPLE_DRAWS = "sample", 0, True
