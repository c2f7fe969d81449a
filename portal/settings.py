"""All settings, in one order: files, safety, hosts, apps, requests, data, sign-in, pages, API, work, logs.

Each comes from the environment (`.env.example` lists all of them); a bad one stops the start-up and is named.
"""

from pathlib import Path

from csp.constants import NONE, SELF

from portal.environment import Environment, broker_address, database, load_files, server_options
from portal.safety import refuse_unsafe

BASE_DIR = Path(__file__).resolve().parent.parent

# .state/run.env is written by `make run`, so that manage.py typed beside it meets the same servers.
env = Environment()
if env.bool("READ_ENV_FILES", default=True):
    load_files(BASE_DIR / ".env", BASE_DIR / ".state" / "run.env")

# --- Safety -----------------------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
# True in `make run` and `make test`: generated secrets and plain HTTP, on loopback only.
LOCAL = env.bool("LOCAL", default=False)
SECRET_KEY = env.str("SECRET_KEY")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
# Fernet keys, the newest first: provider secrets and TOTP seeds are encrypted with the first, read with all.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS")

# --- Hosts and transport ----------------------------------------------------------------------------------
# Every name the portal answers under; `.example.com` covers resellers' subdomains. Tenants are found in it.
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", ".localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
TRUSTED_PROXY_COUNT = env.natural("TRUSTED_PROXY_COUNT", default=0)
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# The portal's own address, as links in mails and callbacks given to providers begin.
PUBLIC_URL = env.str("PUBLIC_URL", default="http://localhost:8000").rstrip("/")
SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=False)  # a front proxy usually does this
SECURE_HSTS_SECONDS = env.natural("SECURE_HSTS_SECONDS", default=0 if LOCAL else 31_536_000)
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.bool("COOKIES_SECURE", default=not LOCAL)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = env.natural("SESSION_SECONDS", default=1_209_600)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}

# --- Apps -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "accounts",
    "webhooks",
    "billing",
    "providers",
    "activations",
    "api",
    "unfold.apps.BasicAppConfig",
    "unfold.contrib.filters",
    "portal.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "csp",
]

# --- Requests ---------------------------------------------------------------------------------------------
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
MIDDLEWARE = [
    "portal.middleware.RequestIdMiddleware",
    "portal.middleware.ProbeMiddleware",
    "portal.machines.MachineMiddleware",
    "portal.middleware.RefusalMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.middleware.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.TenantMiddleware",
    "portal.middleware.TextMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
APPEND_SLASH = False  # the dialects' paths are exact
DATA_UPLOAD_MAX_MEMORY_SIZE = env.natural("REQUEST_BODY_MAX_BYTES", default=1_048_576)
DATA_UPLOAD_MAX_NUMBER_FIELDS = 500
DATA_UPLOAD_MAX_NUMBER_FILES = 5
FILE_UPLOAD_HANDLERS = [
    "portal.uploads.BoundedUpload",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# --- Data -------------------------------------------------------------------------------------------------
# `default` is the application's role, which owns nothing; `owner` owns the tables and runs migrations.
DATABASE_URL = env.str("DATABASE_URL")
DATABASE_OWNER_URL = env.str("DATABASE_OWNER_URL", default="") or DATABASE_URL
# 0: each thread keeps its connection. Above: at most so many are shared by the threads of one process.
DATABASE_POOL_MAX_CONNECTIONS = env.natural("DATABASE_POOL_MAX_CONNECTIONS", default=0)
DATABASE_POOL_WAIT_SECONDS = env.float("DATABASE_POOL_WAIT_SECONDS", default=5.0)
DATABASE_CONNECT_SECONDS = env.natural("DATABASE_CONNECT_SECONDS", default=5)
DATABASE_STATEMENT_TIMEOUT_MS = env.natural("DATABASE_STATEMENT_TIMEOUT_MS", default=15_000)
DATABASE_LOCK_TIMEOUT_MS = env.natural("DATABASE_LOCK_TIMEOUT_MS", default=5_000)
_default_options = {
    "connect_timeout": DATABASE_CONNECT_SECONDS,
    "options": server_options(statement_ms=DATABASE_STATEMENT_TIMEOUT_MS, lock_ms=DATABASE_LOCK_TIMEOUT_MS),
    "server_side_binding": True,
    "prepare_threshold": 5,
}
if DATABASE_POOL_MAX_CONNECTIONS:
    _default_options["pool"] = {
        "min_size": 1,
        "max_size": DATABASE_POOL_MAX_CONNECTIONS,
        "timeout": DATABASE_POOL_WAIT_SECONDS,
        "reconnect_timeout": 5,
    }
DATABASES = {
    "default": database(
        DATABASE_URL,
        "DATABASE_URL",
        options=_default_options,
        max_age_seconds=0 if DATABASE_POOL_MAX_CONNECTIONS else 600,
    ),
    "owner": database(
        DATABASE_OWNER_URL,
        "DATABASE_OWNER_URL",
        options={
            "connect_timeout": DATABASE_CONNECT_SECONDS,
            "options": server_options(statement_ms=0, lock_ms=10_000),
        },
        max_age_seconds=0,
    ),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
REDIS_URL = env.str("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "portal.cache.ForgivingRedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "portal",
        "OPTIONS": {"socket_timeout": 2, "socket_connect_timeout": 1},
    }
}
SESSION_ENGINE = "accounts.sessions"

# --- Sign-in ----------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.TenantBackend"]
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2Hasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_ADAPTER = "portal.signup.AccountAdapter"
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
    "signup": "accounts.forms.SignupForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "user_token": "accounts.forms.UserTokenForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
}
MFA_FORMS = {
    "authenticate": "accounts.forms.SecondStepForm",
    "reauthenticate": "accounts.forms.SecondStepAgainForm",
    "activate_totp": "accounts.forms.ActivateAppForm",
    "deactivate_totp": "accounts.forms.DeactivateAppForm",
    "generate_recovery_codes": "accounts.forms.RecoveryCodesForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_UNIQUE_EMAIL = False  # unique per tenant: a constraint and accounts.forms see to it
# Nobody is let in before his e-mail is confirmed: only so can sign-up answer alike for known addresses (S7).
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # this session goes on, the others end
ACCOUNT_SESSION_REMEMBER = True
# Amount / time / counted per; accounts.throttle tells how the `login_failed` ones work together.
ACCOUNT_RATE_LIMITS = {
    "login": "120/m/ip",
    "login_failed": "30/m/ip,5/5m/key",
    "login_failed_anywhere": "40/h/key",
    "login_failed_known_browser": "10/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
    "confirm_email": "3/m/key,10/h/key",
}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXY_COUNT
MFA_ADAPTER = "accounts.adapter.TenantMFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_TOLERANCE = 1  # one step of 30 s either way, for clocks that are off

# --- Pages ------------------------------------------------------------------------------------------------
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.context.frame",
            ],
        },
    }
]
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["portal.formats"]
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [path for path in [BASE_DIR / "static"] if path.is_dir()]
# Only the image runs collectstatic and names files by their content; elsewhere they are served as they lie.
STATIC_MANIFEST = env.bool("STATIC_MANIFEST", default=False)
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not STATIC_MANIFEST
_static = "whitenoise.storage.CompressedManifestStaticFilesStorage"
# Evidence of reports lies here: never under a served directory, named at random, given out as downloads only.
PRIVATE_MEDIA_ROOT = env.str("PRIVATE_MEDIA_ROOT", default=str(BASE_DIR / ".state" / "private"))
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "private": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {
            "location": PRIVATE_MEDIA_ROOT,
            "base_url": None,
            "file_permissions_mode": 0o600,
            "directory_permissions_mode": 0o700,
        },
    },
    "staticfiles": {
        "BACKEND": _static if STATIC_MANIFEST else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
EMAIL_CONFIG = env.email("EMAIL_URL", default="consolemail://")
EMAIL_BACKEND = EMAIL_CONFIG["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_CONFIG.get("EMAIL_HOST", "")
EMAIL_PORT = EMAIL_CONFIG.get("EMAIL_PORT") or 25
EMAIL_HOST_USER = EMAIL_CONFIG.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = EMAIL_CONFIG.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = EMAIL_CONFIG.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_CONFIG.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="portal@localhost")
UNFOLD = {
    "SITE_TITLE": "Portal admin",
    "SITE_HEADER": "portal.navigation.site_header",
    "SITE_SUBHEADER": "portal.navigation.site_subheader",
    "SITE_SYMBOL": "sms",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "8px",
    "DASHBOARD_CALLBACK": "portal.dashboard.dashboard",
    "ACCOUNT": {"navigation": "portal.navigation.account_links"},
    "SIDEBAR": {"navigation": "portal.navigation.navigation"},
    # The blue of static/css/tokens.css in Unfold's steps.
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 254)",
            "100": "oklch(93% .032 255)",
            "200": "oklch(88% .059 254)",
            "300": "oklch(81% .105 252)",
            "400": "oklch(71% .150 255)",
            "500": "oklch(62% .190 260)",
            "600": "oklch(52% .205 263)",
            "700": "oklch(46% .200 264)",
            "800": "oklch(40% .170 265)",
            "900": "oklch(35% .130 265)",
            "950": "oklch(27% .090 268)",
        },
    },
}

# --- API --------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "UNAUTHENTICATED_USER": None,
}
# Requests per minute: per customer on /a/ addresses, per key on the others (docs/protocols/retail.md 13c).
# The variable changes single figures: RETAIL_RATES=poll=600,order=100
RETAIL_RATES = env.figures(
    "RETAIL_RATES",
    default={
        "order": 300,
        "poll": 300,
        "actives": 300,
        "retry": 50,
        "cancel": 50,
        "finalize": 50,
        "balance": 300,
        "flags": 300,
        "history": 60,
        "transactions": 60,
        "transaction": 300,
        "customer": 60,
        "customers": 60,
        "all_history": 6,
        "all_transactions": 6,
        "report": 50,
        "countries": 15,
        "services": 15,
        "popular": 15,
        "prices_countries": 6,
        "prices_services": 6,
        "price": 60,
        "rent": 60,
        "rental": 300,
        "rentals": 60,
        "rental_prices": 60,
        "rental_end": 60,
        "sandbox": 60,
        "unblock": 6,
        "offers": 60,
        "webhooks": 60,
        "keys": 60,
    },
)
# The same per key for the text protocol (docs/protocols/handler.md 13).
HANDLER_RATES = env.figures(
    "HANDLER_RATES",
    default={
        "order": 60,
        "poll": 300,
        "set_status": 60,
        "lists": 60,
        "prices": 30,
        "catalogue": 15,
        "balance": 120,
        "rent_reads": 120,
        "rent_writes": 30,
    },
)
RENTVERIFY_RATES = env.figures(
    "RENTVERIFY_RATES",
    default={
        "order": 60,
        "poll": 300,
        "set_status": 60,
        "lists": 60,
        "prices": 12,
        "catalogue": 30,
        "balance": 120,
    },
)
# The same per key for the ping protocol (docs/protocols/ping.md 4).
PING_RATES = env.figures(
    "PING_RATES",
    default={
        "services": 60,
        "service": 60,
        "order": 30,
        "poll": 120,
        "cancel": 30,
        "rent": 30,
        "messages": 120,
        "extend": 30,
        "rental_cancel": 30,
        "extensions": 60,
    },
)
# Wrong keys from one address per minute; further ones hear 429 instead of 401. A good key always works.
API_BAD_KEYS_PER_MINUTE = env.natural("API_BAD_KEYS_PER_MINUTE", default=60)
SPECTACULAR_SETTINGS = {
    "TITLE": "Portal API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "PREPROCESSING_HOOKS": ["api.schema.no_views"],
    "POSTPROCESSING_HOOKS": ["api.schema.describe_all"],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "ApiKey": {
                "type": "apiKey",
                "in": "header",
                "name": "X-Api-Key",
                "description": "A key of your account: `pk_test_…` for the test base, else `pk_live_…`.",
            }
        }
    },
    "SECURITY": [{"ApiKey": []}],
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Providers --------------------------------------------------------------------------------------------
# Where the sandbox provider listens; `make run` starts one and says so here. Empty: there is none.
SANDBOX_URL = env.str("SANDBOX_URL", default="")
# Where providers reach this portal (https://numbers.example.com); empty: no callbacks, only polls.
PROVIDER_CALLBACK_BASE_URL = env.str("PROVIDER_CALLBACK_BASE_URL", default="")

# --- Webhooks ---------------------------------------------------------------------------------------------
# host:port pairs that addresses typed by tenants may name although they are not public or not https
# (hooks.internal:8080, [::1]:9000). What goes to plain http carries no text and no code.
ADDRESS_EXCEPTIONS = env.list("ADDRESS_EXCEPTIONS", default=[])

# --- Orders -----------------------------------------------------------------------------------------------
# Figures of docs/protocols/README.md section 5; a customer or tenant row may have its own cap on active ones.
ACTIVE_NUMBERS_PER_CUSTOMER = env.natural("ACTIVE_NUMBERS_PER_CUSTOMER", default=20)
# Below so many percent of numbers with a message, from so many orders within the window on, orders pause.
SUCCESS_MIN_PERCENT = env.natural("SUCCESS_MIN_PERCENT", default=7)
SUCCESS_FROM_ORDERS = env.natural("SUCCESS_FROM_ORDERS", default=10)
SUCCESS_WINDOW_HOURS = env.natural("SUCCESS_WINDOW_HOURS", default=24)
SUCCESS_BLOCK_HOURS = env.natural("SUCCESS_BLOCK_HOURS", default=24)
# How often a paused customer may end the pause himself in 24 hours.
SELF_UNBLOCKS_PER_DAY = env.natural("SELF_UNBLOCKS_PER_DAY", default=3)
# Life of a number where a protocol promises less than the provider's account says (rentverify, ping).
SHORT_LIFE_SECONDS = env.natural("SHORT_LIFE_SECONDS", default=900)
# One order tries so many offers, and answers within the budget; what is unknown then is found out later.
ORDER_ATTEMPTS = env.natural("ORDER_ATTEMPTS", default=4)
ORDER_BUDGET_SECONDS = env.float("ORDER_BUDGET_SECONDS", default=9.0)
# How long an order may choose by what another one has just read (providers/routing_memory.py); 0: not at all.
ROUTES_REMEMBERED_SECONDS = env.natural("ROUTES_REMEMBERED_SECONDS", default=1)
# A marketplace waits ten seconds: providers get the first figure, and beyond the second we were too late.
MARKETPLACE_ORDER_SECONDS = env.float("MARKETPLACE_ORDER_SECONDS", default=8.0)
MARKETPLACE_ANSWER_SECONDS = env.float("MARKETPLACE_ANSWER_SECONDS", default=9.5)
ORDER_LOST_AFTER_SECONDS = env.natural("ORDER_LOST_AFTER_SECONDS", default=30)
RECONCILE_EVERY_SECONDS = env.natural("RECONCILE_EVERY_SECONDS", default=15)
RECONCILE_GRACE_SECONDS = env.natural("RECONCILE_GRACE_SECONDS", default=90)
ORDER_LONGEST_SECONDS = env.natural("ORDER_LONGEST_SECONDS", default=1200)
# Where a reseller lets silent numbers be replaced: how long each gets at least, how long before its end no
# other is bought, and how often one order may get another number (0: nobody's).
EXCHANGE_FLOOR_SECONDS = env.natural("EXCHANGE_FLOOR_SECONDS", default=60)
EXCHANGE_STOP_SECONDS = env.natural("EXCHANGE_STOP_SECONDS", default=120)
EXCHANGES_PER_ORDER = env.natural("EXCHANGES_PER_ORDER", default=2)
# After so many seconds what a killed worker had begun is begun anew; longer than a sweep takes for a batch.
CLAIM_SECONDS = env.natural("CLAIM_SECONDS", default=30)
# How long a hold outlives its number while the provider cannot be asked once more.
EXPIRY_GRACE_SECONDS = env.natural("EXPIRY_GRACE_SECONDS", default=45)

# What a message says is shown in full for so long after its number's end, then masked, and at last erased.
# Shorter is welcome, longer is refused at start-up.
TEXT_SHOWN_HOURS = env.natural("TEXT_SHOWN_HOURS", default=24)
TEXT_KEPT_DAYS = env.natural("TEXT_KEPT_DAYS", default=30)
# So long after customers were marked for deletion their personal data is erased.
PURGE_AFTER_DAYS = env.natural("PURGE_AFTER_DAYS", default=30)
# How long webhook deliveries can be looked at, and events replayed.
# After operators and owners were told of a provider's state they hear of the next change no sooner than that.
PROVIDER_ALERT_QUIET_SECONDS = env.natural("PROVIDER_ALERT_QUIET_SECONDS", default=900)
WEBHOOKS_KEPT_DAYS = env.natural("WEBHOOKS_KEPT_DAYS", default=30)

# --- Work -------------------------------------------------------------------------------------------------
# Celery's other options and its schedule stand in portal/celery.py.
CELERY_BROKER_URL = broker_address(REDIS_URL)

# --- Logs -------------------------------------------------------------------------------------------------
LOG_LEVEL = env.str("LOG_LEVEL", default="INFO")
LOG_JSON = env.bool("LOG_JSON", default=not LOCAL)
# True: one line for each request. Without it only failures and requests slower than a second are logged.
LOG_REQUESTS = env.bool("LOG_REQUESTS", default=False)
# What a Prometheus scraper sends as `Authorization: Bearer …` to /metrics; empty: /metrics does not exist.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
# /readyz calls the work late when the oldest due item, or order of unknown outcome, is older than this.
HEALTH_DUE_SECONDS = env.natural("HEALTH_DUE_SECONDS", default=120)
HEALTH_UNKNOWN_SECONDS = env.natural("HEALTH_UNKNOWN_SECONDS", default=300)
LOGGING_CONFIG = "portal.logs.configure"
LOGGING = {"level": LOG_LEVEL, "as_json": LOG_JSON}

refuse_unsafe(dict(globals()))
