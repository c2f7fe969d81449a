# One image for every process of the portal; docker-compose.yml says which command each runs.
FROM python:3.11-slim-bookworm AS build
ENV PYTHONDONTWRITEBYTECODE=1 UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy VIRTUAL_ENV=/portal/.venv
WORKDIR /portal
RUN python -m venv .venv
COPY requirements/uv.txt requirements/base.txt requirements/
RUN .venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt \
    && .venv/bin/uv pip sync --quiet --require-hashes --no-build requirements/base.txt
COPY . .
# Files get names with their content's digest, once, here. The settings must load; nothing is connected to.
RUN READ_ENV_FILES=0 LOCAL=1 STATIC_MANIFEST=1 SECRET_KEY=build DATABASE_URL=postgres://none/none \
    REDIS_URL=redis://none FIELD_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    .venv/bin/python manage.py collectstatic --noinput --verbosity=0

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /portal --shell /usr/sbin/nologin portal \
    && install -d -o portal -m 700 /evidence
COPY --from=build /portal /portal
WORKDIR /portal
ENV PATH=/portal/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 STATIC_MANIFEST=1 \
    PRIVATE_MEDIA_ROOT=/evidence PROMETHEUS_MULTIPROC_DIR=/tmp
USER portal
EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", \
     "--blocking-threads", "32", "--backpressure", "64", "--respawn-failed-workers", "portal.wsgi:application"]
