"""The portal as the web server runs it: `python -m config.serve`.

Polls and joins are answered in the event loop, everything else by Django in threads.
"""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

django = get_wsgi_application()

from django.conf import settings  # noqa: E402

from config.bridge import Pages  # noqa: E402
from waiting_room.fast_path import LeanApplication  # noqa: E402  (needs Django set up)

application = LeanApplication(Pages(django, threads=settings.WEB_THREADS))
