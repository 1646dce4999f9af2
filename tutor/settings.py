"""Settings, all from the environment; docs/operations.md lists the variables."""

import os
from pathlib import Path

import django_stubs_ext
import environ

# So that annotations such as ModelAdmin[Learner] also run.
django_stubs_ext.monkeypatch()

env = environ.Env()
BASE_DIR = Path(__file__).resolve().parent.parent

DEBUG = env.bool("TRELLIS_DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
USE_X_FORWARDED_HOST = SECURE_PROXY = env.bool("TRELLIS_BEHIND_PROXY", default=False)
if SECURE_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = True

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
    "django_celery_beat",
    "django_htmx",
    "curricula",
    "tutor.accounts",
    "tutor.interactions",
    "tutor.registry",
    "tutor.tracing",
    "tutor.scheduling",
    "tutor.lms",
    "tutor.dashboard",
    "api",
]
AUTH_USER_MODEL = "accounts.User"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"

MIDDLEWARE = [
    # First: it answers /api without the stack below, which costs more than the hot endpoints themselves.
    "api.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "tutor.urls"
WSGI_APPLICATION = "tutor.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

DATABASES = {"default": env.db_url("DATABASE_URL")}
# A connection lives as long as its thread: the pool costs more CPU under a threaded WSGI server.
DATABASES["default"] |= {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
# Statements of `tutor.db` that ask for it are planned once a connection. Behind a pooler that shares connections
# between transactions, without support for prepared statements, say TRELLIS_PREPARE=off.
DATABASES["default"]["OPTIONS"] = {"prepare_threshold": 3 if env.bool("TRELLIS_PREPARE", default=True) else None}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

STATIC_URL = "/static/"
# Where `collectstatic` puts files for a server in front; here they are served from wherever they are.
STATIC_ROOT = env.str("TRELLIS_STATIC_ROOT", default="") or None
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "models": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.str("TRELLIS_MODEL_STORE", default=str(BASE_DIR / ".dev" / "models"))},
    },
    "imports": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": env.str("TRELLIS_IMPORT_STORE", default=str(BASE_DIR / ".dev" / "imports"))},
    },
}

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
#: Of the pages; each calls itself.
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
LOCALE_PATHS = [BASE_DIR / "tutor" / "locale"]
FORMAT_MODULE_PATH = ["tutor.formats"]

BROKER_URL = env.str("BROKER_URL", default="redis://127.0.0.1:6379/0")
#: Torch device of inference workers; the worker's launcher chooses the card with CUDA_VISIBLE_DEVICES.
DEVICE = env.str("TRELLIS_DEVICE", default="cpu")
#: Learners whose states beside the serving ones are brought level by one message, and the pause after it.
ROLLOUT_BATCH = env.int("TRELLIS_ROLLOUT_BATCH", default=64)
ROLLOUT_PAUSE = env.float("TRELLIS_ROLLOUT_PAUSE_SECONDS", default=0.1)
#: How exactly networks are computed in service: float32, tf32 (cards since Ampere) or bfloat16.
PRECISION = env.str("TRELLIS_PRECISION", default="float32")
#: Models that a worker keeps in memory: champions of several curricula, and a challenger beside each.
MODELS_KEPT = env.int("TRELLIS_MODELS_KEPT", default=16)
MODEL_MEMORY_BYTES = env.int("TRELLIS_MODEL_MEMORY_MIB", default=2048) * 2**20
#: A worker who has drained nothing for so long, while learners have waited for longer, is started again.
SILENT_SECONDS = env.float("TRELLIS_SILENT_SECONDS", default=300.0)

_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
#: Where training runs keep what they make until they end; device, processes, niceness and threads of a fit.
TRAINING_DIR = Path(env.str("TRELLIS_TRAINING_DIR", default=str(BASE_DIR / ".dev" / "training")))
TRAINING_DEVICE = env.str("TRELLIS_TRAINING_DEVICE", default="cpu")
TRAINING_PROCESSES = env.int("TRELLIS_TRAINING_PROCESSES", default=1)
TRAINING_NICE = env.int("TRELLIS_TRAINING_NICE", default=19)
#: A training worker that has not renewed its lease for so long is taken for dead.
TRAINING_LEASE_SECONDS = env.float("TRELLIS_TRAINING_LEASE_SECONDS", default=60.0)
#: A run that was broken off waits for so long, times its attempts.
TRAINING_PAUSE_SECONDS = env.float("TRELLIS_TRAINING_PAUSE_SECONDS", default=15.0)
#: CPUs, of those that this process may use, that fits keep to at niceness 19; threads of each of their processes.
TRAINING_CPUS = env.int("TRELLIS_TRAINING_CPUS", default=max(_CPUS // 2, 1))
#: Of the time that a fit runs while learners are at work; where cores are few it would slow the answers to them.
TRAINING_SHARE = env.float("TRELLIS_TRAINING_SHARE", default=0.25 if (os.cpu_count() or 1) < 8 else 1.0)
TRAINING_THREADS = env.int("TRELLIS_TRAINING_THREADS", default=max(TRAINING_CPUS // TRAINING_PROCESSES, 1))

#: Refused by the API: one request body may not be larger, so that a request's memory is bounded.
MAX_BODY_BYTES = 8 * 1024 * 1024
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_BODY_BYTES

#: Requests a client, bucket, minute and web process, as "ingest=12000,recommend=0"; 0 is without limit.
RATE_LIMITS = {name: int(n) for name, n in env.dict("TRELLIS_RATE_LIMITS", default={}).items()}

#: Names, addresses and networks that webhooks may go to though they are not public, or without TLS.
WEBHOOK_ALLOWED_HOSTS = [each.lower() for each in env.list("TRELLIS_WEBHOOK_ALLOWED_HOSTS", default=[])]

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["api.auth.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["api.auth.HasScope"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "EXCEPTION_HANDLER": "api.errors.exception_handler",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Trellis",
    "DESCRIPTION": "Knowledge tracing and tutoring: answers in, next material out.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    # Sets of values that several resources share, or that go by one name: else they are named by a number.
    "ENUM_NAME_OVERRIDES": {
        "AlertKind": ["spinning", "struggling", "falling_behind", "gone_quiet"],
        "JobStatus": ["queued", "running", "done", "failed"],
        "Reward": ["gain", "retention", "success", "answered"],
        "KindEnum": ["pin", "exclude", "open", "mastered"],
        "TrainingRunOutStatusEnum": ["queued", "running", "done", "failed", "cancelled"],
        "TrialReward": "tutor.scheduling.trials.REWARDS",
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"context": {"()": "api.context.RequestContext"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s %(request_id)s %(traceparent)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "filters": ["context"], "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
}
