from django.core.wsgi import get_wsgi_application

import config  # noqa: F401  (finds queue/)

application = get_wsgi_application()
