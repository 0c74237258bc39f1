"""Settings of Paysite, all from the environment (docs/settings.md). paysite/checks.py refuses unsafe ones."""

import warnings
from pathlib import Path
from typing import Any, Final

from paysite import environment as env

# django-fsm says at import that nobody maintains it; the version is pinned and its use is small (docs/states.md).
warnings.filterwarnings("ignore", message=".*django-fsm.*", category=UserWarning)
warnings.filterwarnings("ignore", message=".*django-fsm.*", category=DeprecationWarning)

BASE_DIR: Final = Path(__file__).resolve().parent.parent
VAR_DIR: Final = Path(env.text("PAYSITE_VAR", str(BASE_DIR / "var")))

# `demo` runs out of the box with sandbox gateways; `production` refuses every demo value (paysite/checks.py).
MODE = env.choice("PAYSITE_MODE", "demo", ("demo", "production"))
DEMO = MODE == "demo"
DEBUG = env.flag("PAYSITE_DEBUG", default=False)
DEMO_SECRET_KEY: Final = "demo-secret-key-for-one-machine-only-not-for-production"  # noqa: S105
SECRET_KEY = env.secret("PAYSITE_SECRET_KEY", DEMO_SECRET_KEY if DEMO else "")
ALLOWED_HOSTS = env.words("PAYSITE_HOSTS", "127.0.0.1,localhost,[::1]" if DEMO else "")
CSRF_TRUSTED_ORIGINS = env.words("PAYSITE_ORIGINS")

INSTALLED_APPS = [
    "paysite.apps.PaysiteConfig",
    "unfold.apps.BasicAppConfig",  # before the admin, whose templates it replaces
    "paysite.apps.ConsoleConfig",  # django.contrib.admin with the site of paysite/console.py
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_q",
    "payments",
    "refunds",
    "disputes",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "paysite.middleware.Sessions",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "paysite.middleware.Users",
    "paysite.middleware.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "paysite.urls"
WSGI_APPLICATION = "paysite.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.database(env.text("DATABASE_URL"), VAR_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [{"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"}]

LOGIN_REDIRECT_URL = "/admin/"

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "paysite" / "static"]

X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEMO
if env.flag("PAYSITE_BEHIND_TLS_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = not DEMO
SECURE_HSTS_SECONDS = 0 if DEMO else 31_536_000

REST_FRAMEWORK = {
    "DEFAULT_RENDERER_CLASSES": ["paysite.api.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["paysite.api.StrictJSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["paysite.api.ApiKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["paysite.api.HasScope"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "paysite.api.OneFormat",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "paysite.api.problem_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Paysite API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": [],
    "SERVE_AUTHENTICATION": [],
}

# django-q2 wakes workers up; what is due is written in our own rows (docs/background-work.md).
Q_CLUSTER: dict[str, Any] = {
    "name": "paysite",
    "orm": "default",
    "workers": env.integer("PAYSITE_WORKERS", 3, least=2, most=64),
    "timeout": 120,  # longer than a settle loop claims and its last calls take (a check refuses less)
    "retry": 400,  # at least three times the timeout, or a task still running is given out again (a check refuses it)
    "max_attempts": 5,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "bulk": 1,
    "queue_limit": 3,
    "poll": 0.5,
}

# What a payment may be. Amount limits are minor units per currency: the currencies listed here are the enabled ones.
CURRENCY_LIMITS: dict[str, tuple[int, int]] = {
    "USD": (50, 99_999_999),
    "EUR": (50, 99_999_999),
    "GBP": (30, 99_999_999),
    "CHF": (50, 99_999_999),
    "JPY": (50, 9_999_999),
    "KWD": (100, 99_999_990),
}
IDEMPOTENCY_KEY_HOURS = env.integer("PAYSITE_IDEMPOTENCY_HOURS", 24, least=1, most=48)
PAYMENT_EXPIRY_MINUTES = env.integer("PAYSITE_PAYMENT_EXPIRY_MINUTES", 24 * 60, least=5, most=7 * 24 * 60)
# Tries again by itself of any kind; below it, tries in all after soft declines and after processing errors (B4).
MAX_RETRIES = env.integer("PAYSITE_MAX_RETRIES", 4, least=0, most=10)
SOFT_TRIES = env.integer("PAYSITE_SOFT_TRIES", 3, least=1, most=10)
PROCESSING_TRIES = env.integer("PAYSITE_PROCESSING_TRIES", 5, least=1, most=10)
# Hours after its end for which an unpaid order takes a charge that turns up late; later the money is given back (C4).
LATE_SUCCESS_HOURS = env.integer("PAYSITE_LATE_SUCCESS_HOURS", 24, least=0, most=30 * 24)

# Seconds (requirement B1): to connect, to wait for the next byte, and for a whole call however the bytes drip.
GATEWAY_CONNECT_TIMEOUT = env.integer("PAYSITE_CONNECT_TIMEOUT", 5, least=1, most=5)
GATEWAY_READ_TIMEOUT = env.integer("PAYSITE_READ_TIMEOUT", 30, least=1, most=45)
GATEWAY_DEADLINE = env.integer("PAYSITE_GATEWAY_DEADLINE", 40, least=2, most=60)

# Circuit breakers (requirement B6): failures in a row that open one, seconds until trial calls, and their number.
BREAKER_FAILURES = env.integer("PAYSITE_BREAKER_FAILURES", 5, least=1, most=100)
BREAKER_SECONDS = env.integer("PAYSITE_BREAKER_SECONDS", 30, least=1, most=3600)
BREAKER_TRIALS = env.integer("PAYSITE_BREAKER_TRIALS", 3, least=1, most=100)
# What all processes together may do: tries again, in per cent of first tries and beside that per minute (B4), and
# queued payments charged per second, once a gateway is back (B7).
RETRY_PERCENT = env.integer("PAYSITE_RETRY_PERCENT", 10, least=0, most=100)
RETRIES_PER_MINUTE = env.integer("PAYSITE_RETRIES_PER_MINUTE", 60, least=1, most=100_000)
DRAIN_PER_SECOND = env.integer("PAYSITE_DRAIN_PER_SECOND", 5, least=1, most=10_000)

# Gateways in order of preference. `origin` is where customers' browsers reach the gateway's own pages.
PRIMARY_URL = env.text("PAYSITE_PRIMARY_URL", "http://127.0.0.1:8011" if DEMO else "")
SECONDARY_URL = env.text("PAYSITE_SECONDARY_URL", "http://127.0.0.1:8012" if DEMO else "")
DEMO_GATEWAY_SECRET: Final = "sk_sandbox_demo"  # noqa: S105
# Signs the events that the sandbox gateways send us (Standard Webhooks 1.0).
DEMO_WEBHOOK_SECRET: Final = "whsec_ZGVtby13ZWJob29rLXNlY3JldC1vbmx5"  # noqa: S105
GATEWAYS: list[dict[str, str]] = [
    {
        "name": name,
        "kind": "sandbox",
        "url": url,
        "origin": url,
        "secret": DEMO_GATEWAY_SECRET,
        "webhook_secret": DEMO_WEBHOOK_SECRET,
    }
    for name, url in (("primary", PRIMARY_URL), ("secondary", SECONDARY_URL))
    if url
]
# Routing rules, the first that fits decides (docs/ladder.md): [{"currencies": ["EUR"], "from": 0, "to": 99999,
# "shares": {"primary": 90, "secondary": 10}}]; amounts in minor units. Without one, the order of GATEWAYS.
ROUTES: list[dict[str, Any]] = env.routes("PAYSITE_ROUTES")
# Level 4 of the ladder (B7): a customer with so many paid payments of this shop, the oldest so many days ago, is
# trusted with orders up to a limit (minor units per currency; a currency that is not listed has none).
TRUST_PAYMENTS = env.integer("PAYSITE_TRUST_PAYMENTS", 3, least=1, most=1000)
TRUST_DAYS = env.integer("PAYSITE_TRUST_DAYS", 7, least=0, most=3650)
TRUST_LIMITS: dict[str, int] = {
    "USD": 20_000,
    "EUR": 20_000,
    "GBP": 20_000,
    "CHF": 20_000,
    "JPY": 20_000,
    "KWD": 60_000,
}

# Refunds (docs/refunds.md). What may be refunded without a second person, by who asks: a program with an API key, and
# people by their role in the console. A currency that is not listed always needs a second person.
REFUND_LIMITS: dict[str, dict[str, int]] = {
    "api": env.amounts("PAYSITE_REFUND_LIMIT_API", env.in_all_currencies(1000)),
    "operator": env.amounts("PAYSITE_REFUND_LIMIT_OPERATOR", env.in_all_currencies(100)),
    "supervisor": env.amounts("PAYSITE_REFUND_LIMIT_SUPERVISOR", env.in_all_currencies(1000)),
}
# Hours after which a request for approval that nobody answered is called off.
REFUND_APPROVAL_HOURS = env.integer("PAYSITE_REFUND_APPROVAL_HOURS", 72, least=1, most=30 * 24)
# A complaint about an order below this limit is refunded at once (D4), within a budget per shop, currency and day, and
# at most so often for one customer within so many days. Whatever is beyond goes to people.
PROACTIVE_LIMITS = env.amounts("PAYSITE_PROACTIVE_LIMITS", env.in_all_currencies(50))
PROACTIVE_BUDGETS = env.amounts("PAYSITE_PROACTIVE_BUDGETS", env.in_all_currencies(500))
PROACTIVE_TIMES = env.integer("PAYSITE_PROACTIVE_TIMES", 1, least=1, most=100)
PROACTIVE_DAYS = env.integer("PAYSITE_PROACTIVE_DAYS", 90, least=1, most=3650)
# What losing a dispute costs beside the money, as banks charge it: shown where people decide about a complaint.
DISPUTE_FEES = env.amounts("PAYSITE_DISPUTE_FEES", env.in_all_currencies(15))

# The address under which customers reach this site; gateways send them back here.
PUBLIC_URL = env.text("PAYSITE_PUBLIC_URL", "http://127.0.0.1:8000" if DEMO else "").rstrip("/")

# Threads that wait for gateways in one settle loop, and loops over all workers of this node.
SETTLE_THREADS = env.integer("PAYSITE_SETTLE_THREADS", 128, least=1, most=1024)
SETTLE_LOOPS = env.integer("PAYSITE_SETTLE_LOOPS", 1, least=1, most=32)

# The look of the operator console. Names are functions of paysite/console.py, called once per page.
UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Paysite console",
    "SITE_HEADER": "Paysite",
    "SITE_SYMBOL": "payments",
    "SITE_URL": "",
    "BORDER_RADIUS": "6px",
    "ENVIRONMENT": "paysite.console.environment",
    "STYLES": ["paysite.console.stylesheet"],
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": "paysite.console.icon"}],
    "SIDEBAR": {"navigation": "paysite.console.navigation"},
    "COLORS": {
        "primary": {
            "50": "#eef6ff",
            "100": "#d9eaff",
            "200": "#bbdaff",
            "300": "#8cc2ff",
            "400": "#569fff",
            "500": "#2f79f7",
            "600": "#1a5ce0",
            "700": "#1749b5",
            "800": "#193f8f",
            "900": "#1a3871",
            "950": "#142447",
        }
    },
}

# Processes of this node's web server, and threads in each: every thread keeps a database connection of its own, and
# up to 16 of a process may be waiting for outcomes (payments/api/waiting.py).
WEB_WORKERS = env.integer("PAYSITE_WEB_WORKERS", 2, least=1, most=64)
WEB_THREADS = env.integer("PAYSITE_WEB_THREADS", 32, least=1, most=256)

# Who is told when something needs a person (docs/alerts.md). Without any, the log and the console tell. The webhook
# takes `{"text": …}`, as chat tools do.
ALERT_EMAILS = env.words("PAYSITE_ALERT_EMAILS")
ALERT_WEBHOOK = env.text("PAYSITE_ALERT_WEBHOOK")
# Events to shops and from gateways are kept for so many days after their work is done (docs/events.md).
EVENT_DAYS = env.integer("PAYSITE_EVENT_DAYS", 30, least=3, most=3650)
# Threads that wait for shops' endpoints and mail servers, in the loop that sends what is to be sent.
OUTBOX_THREADS = env.integer("PAYSITE_OUTBOX_THREADS", 64, least=1, most=512)
# How customers get an SMS (docs/customer-messages.md): not at all, as files (demo), or by Twilio.
SMS_BACKEND = env.choice("PAYSITE_SMS", "file" if DEMO else "none", ("none", "file", "twilio"))
TWILIO_ACCOUNT = env.text("PAYSITE_TWILIO_ACCOUNT")
TWILIO_TOKEN = env.text("PAYSITE_TWILIO_TOKEN")
TWILIO_FROM = env.text("PAYSITE_TWILIO_FROM")
TWILIO_URL = env.text("PAYSITE_TWILIO_URL", "https://api.twilio.com")
DEFAULT_FROM_EMAIL = env.text("PAYSITE_MAIL_FROM", "paysite@localhost")
EMAIL_HOST = env.text("PAYSITE_MAIL_HOST", "localhost")
EMAIL_PORT = env.integer("PAYSITE_MAIL_PORT", 25, least=1, most=65535)
EMAIL_HOST_USER = env.text("PAYSITE_MAIL_USER")
EMAIL_HOST_PASSWORD = env.text("PAYSITE_MAIL_PASSWORD")
# `starttls` on ports 25 and 587, `tls` from the first byte on 465, `none` only for a server on this machine.
MAIL_SECURITY = env.choice("PAYSITE_MAIL_SECURITY", "none", ("none", "starttls", "tls"))
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SECURITY == "starttls", MAIL_SECURITY == "tls"
EMAIL_TIMEOUT = 10
# The demo has no mail server: without one its e-mails become files (docs/customer-messages.md).
if DEMO and not env.text("PAYSITE_MAIL_HOST"):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = VAR_DIR / "mail"
# Level 5 of the ladder (B7): other ways to pay that are suggested. "Another card" is our own form; the shop has the
# others. Where the list is empty, nothing is suggested.
ALTERNATIVES = env.words("PAYSITE_ALTERNATIVES", "Another card, PayPal, Bank transfer")

# Where the demo shop gets its events; `manage.py run` chooses the port (docs/sandbox.md).
DEMO_INBOX_URL = env.text("PAYSITE_INBOX_URL", "http://127.0.0.1:8013" if DEMO else "").rstrip("/")

# Seconds without a heartbeat of the background work after which the supervisor replaces all of django-q2's processes,
# and seconds that these have after a start until their first beat is missed (docs/background-work.md).
BEAT_LIMIT = env.integer("PAYSITE_BEAT_LIMIT", 20, least=5, most=3600)
BEAT_GRACE = env.integer("PAYSITE_BEAT_GRACE", 30, least=5, most=3600)
