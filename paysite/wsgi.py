"""The WSGI application. In production it refuses to exist while a system check of ours finds the settings unsafe."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "paysite.settings")
application = get_wsgi_application()

from paysite.checks import refusals  # noqa: E402  (needs Django set up)

if reasons := refusals():
    raise ImproperlyConfigured("Paysite does not serve with these settings:\n" + "\n".join(reasons))
