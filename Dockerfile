# One image for every service; what a container does is its command (see docker-compose.yml).
FROM python:3.13-slim AS build

WORKDIR /build
RUN python -m venv /opt/tailsvc
COPY requirements/run.lock requirements/run.lock
RUN /opt/tailsvc/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements/run.lock
COPY pyproject.toml README.md LICENSE ./
COPY tailsvc tailsvc
COPY apps apps
COPY config config
RUN /opt/tailsvc/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.13-slim

# A fixed number, so that volumes and policies can name it; and a name, which the embedded Postgres asks for.
RUN groupadd --gid 10001 tailsvc \
    && useradd --uid 10001 --gid tailsvc --home-dir /var/lib/tailsvc --create-home --shell /usr/sbin/nologin tailsvc
COPY --from=build /opt/tailsvc /opt/tailsvc
ENV PATH=/opt/tailsvc/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=config.settings \
    TAILSVC_HOME=/var/lib/tailsvc/home
USER 10001:10001
WORKDIR /var/lib/tailsvc
EXPOSE 8000 8001 8002

# Alone, the image is a whole service with its data in one folder: mount a volume at /var/lib/tailsvc.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["python", "-m", "config.runtime.health", "http://127.0.0.1:8000/livez"]
STOPSIGNAL SIGTERM
CMD ["tailsvc", "up", "--host", "0.0.0.0"]
