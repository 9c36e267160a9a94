from django.conf import settings
from django.core.wsgi import get_wsgi_application

import config  # noqa: F401  (finds queue/)

application = get_wsgi_application()
if settings.MIDDLEWARE:
    from waiting_room.lean import LeanApplication

    application = LeanApplication(application)
