"""For WSGI servers and runserver. `python -m config.serve` has a fast path for the line's polls."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.production")

application = get_wsgi_application()
