"""What granian serves: the WSGI application behind a reader of whole bodies (paysite/rsgi.py says why)."""

from django.conf import settings

from paysite.rsgi import Server
from paysite.wsgi import application as site

application = Server(site, settings.WEB_THREADS)
