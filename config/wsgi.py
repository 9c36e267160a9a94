import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

django = get_wsgi_application()

from waiting_room.lean import LeanApplication  # noqa: E402  (needs Django set up)

# Polls and joins are answered before anything else is paid for.
application = LeanApplication(django)
