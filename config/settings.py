"""The one settings file: what the environment says, grouped by topic. For operators: docs/operating/settings.md."""

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from config import env
from config.databases import ROLES, django_database, libpq_url, role_url
from config.log import LEVELS, logging_configuration
from config.static import static_url

BASE_DIR = Path(__file__).resolve().parent.parent

# Secrets. `tailsvc up` writes one under --home; everywhere else it must be given.
DEBUG = env.flag("TAILSVC_DEBUG")
SECRET_KEY = env.text("TAILSVC_SECRET_KEY")
if not SECRET_KEY:
    raise ImproperlyConfigured("TAILSVC_SECRET_KEY is not set; `tailsvc up` makes one, other set-ups must")

# Where we are reached. Links in answers and the ingest address use the public URL, never the request's Host.
PUBLIC_URL = env.web_address("TAILSVC_PUBLIC_URL", "http://127.0.0.1:8000")
_public = urlsplit(PUBLIC_URL)
ALLOWED_HOSTS = [_public.hostname or "", "127.0.0.1", "localhost", "[::1]", *env.words("TAILSVC_ALLOWED_HOSTS")]
TRUSTED_PROXIES = env.words("TAILSVC_TRUSTED_PROXIES")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

# The database. Before `prepare_database` has run, only "owner" can log in.
DATABASE_URL = env.text("DATABASE_URL")
if not DATABASE_URL:
    raise ImproperlyConfigured("DATABASE_URL is not set; `tailsvc up` starts a database of its own, manage.py does not")
ROLE_URLS = {role: libpq_url(role_url(DATABASE_URL, SECRET_KEY, role)) for role in ROLES}
_POOL = env.integer("TAILSVC_DATABASE_POOL", 8)
# What a process keeps in memory of the segments that it has read.
STORE_CACHE_BYTES = env.integer("TAILSVC_STORE_CACHE_MB", 128) * 1024 * 1024
STORE_POOL = env.integer("TAILSVC_STORE_POOL", 6)  # connections of the log store, per process and log-in
DATABASES = {
    "default": django_database(ROLE_URLS["reader"], pool_max=_POOL),
    "maintenance": django_database(ROLE_URLS["maintenance"], pool_max=_POOL),
    "owner": django_database(DATABASE_URL, pool_max=0),
}
DATABASE_ROUTERS = ["apps.accounts.routing.RoleRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Operators who accept losing acknowledged events at a power cut (tests do): /readyz then says degraded, not 503.
ALLOW_UNSAFE_DURABILITY = env.flag("TAILSVC_ALLOW_UNSAFE_DURABILITY")

# Redis: broker, cache, counters. Everything but the broker does without it for a while.
REDIS_URL = env.text("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        # Django's own backend opens a connection per request under ASGI; this one shares its pool.
        "BACKEND": "django_redis.cache.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "tailsvc",
        "OPTIONS": {
            "IGNORE_EXCEPTIONS": True,
            "SOCKET_CONNECT_TIMEOUT": 1,
            "SOCKET_TIMEOUT": 1,
        },
    }
}
RATELIMIT_FAIL_OPEN = True
DJANGO_REDIS_LOG_IGNORED_EXCEPTIONS = False

# Applications
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "apps.http",
    "apps.accounts",
    "apps.streams",
    "apps.clusters",
    "apps.tail",
    "apps.ingest",
    "apps.query",
    "apps.compaction",
    "apps.lifecycle",
    "apps.objects",
    "apps.sessions",
    "apps.ignite",
    "apps.feldera",
    "apps.retention",
    "apps.ops",
    "apps.console",
]
MIDDLEWARE = [
    "apps.http.middleware.RequestContextMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.console.middleware.PageMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "apps.accounts.middleware.AdminScopeMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
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
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
STATIC_URL = static_url(BASE_DIR / "apps" / "console" / "static")
WHITENOISE_USE_FINDERS = True  # static files come from the installed packages: no collectstatic on a bare machine
WHITENOISE_IMMUTABLE_FILE_TEST = "^/static/[0-9a-f]{16}/"
WHITENOISE_ALLOW_ALL_ORIGINS = False
APPEND_SLASH = False

# Accounts
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.lookups.LogInBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_URL = "/login"
LOGIN_REDIRECT_URL = "/"
CSRF_FAILURE_VIEW = "apps.console.pages.form_refused"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public.scheme == "https"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"

# The API
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.accounts.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.accounts.permissions.HasAbility"],
    "DEFAULT_RENDERER_CLASSES": ["apps.http.rendering.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["apps.http.parsing.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.http.problems.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "tailsvc",
    "DESCRIPTION": "Send logs with any agent, find any line, keep it as long as your plan says.",
    "VERSION": "1",
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "COMPONENT_SPLIT_REQUEST": True,
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "apps.query.schema.add_tail",
        "apps.lifecycle.schema.add_follow",
        "apps.http.schema.add_problems",
        "apps.ingest.schema.add_ingest",
    ],
    "ENUM_NAME_OVERRIDES": {
        "ReplicaStatus": "apps.lifecycle.kinds.REPLICA_STATUSES",
        "BuildStatus": "apps.lifecycle.kinds.BUILD_STATUSES",
        "BuildEnd": "apps.lifecycle.kinds.BUILD_ENDS",
        "ConditionStatus": "apps.lifecycle.kinds.CONDITION_STATUSES",
    },
}

# Celery
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True  # every task is safe to run twice; a killed worker's task is not lost
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_DEFAULT_QUEUE = "tailsvc"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "socket_timeout": 5}
# So many seconds apart. A task that waited longer than that is pointless: the next one does the same.
_PERIODS = {
    "compaction.sweep": 2,
    "retention.sweep": 60,
    "retention.purge": 600,
    "lifecycle.forget": 300,
    "objects.forget": 60,
    "retention.forget": 3600,
    "ingest.store_usage": 20,
}
CELERY_BEAT_SCHEDULE = {
    # Said with each: beat does not know the tasks, and would keep an eye on the result of every one that it sends.
    task: {"task": task, "schedule": period, "options": {"expires": period, "ignore_result": True}}
    for task, period in _PERIODS.items()
}

# /metrics is open unless this is set; then it wants it as a bearer token.
METRICS_TOKEN = env.text("TAILSVC_METRICS_TOKEN")

# Logs of our own
LOGGING_CONFIG = None
logging_configuration(
    json=env.one_of("TAILSVC_LOG_FORMAT", ("json", "console"), "json") == "json",
    level=env.one_of("TAILSVC_LOG_LEVEL", LEVELS, "INFO"),
)
