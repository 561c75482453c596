# syntax=docker/dockerfile:1
# Grupa in one image: compose.yaml runs its processes as services, `docker run` one command.

FROM python:3.11-slim-bookworm AS build

# requirements-postgres.lock also installs the driver for Dagster's storage in PostgreSQL (docs/operations.md).
ARG REQUIREMENTS=requirements.lock

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/grupa/.venv
WORKDIR /src
COPY requirements.lock requirements-postgres.lock ./
RUN /opt/grupa/.venv/bin/pip install --require-hashes --requirement "$REQUIREMENTS"
COPY pyproject.toml README.md LICENSE ./
COPY grupa grupa
COPY grupa_pipeline grupa_pipeline
COPY dash_app dash_app
COPY sample_data sample_data
RUN /opt/grupa/.venv/bin/pip install "setuptools>=80" \
    && /opt/grupa/.venv/bin/pip install --no-deps --no-build-isolation .

FROM python:3.11-slim-bookworm

# Reports as PDF: WeasyPrint's libraries of the system, and a font.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/*
# One user in all containers: the files of the warehouse are readable by their owner alone.
RUN groupadd --gid 10001 grupa \
    && useradd --uid 10001 --gid grupa --no-create-home --home-dir /warehouse --shell /usr/sbin/nologin grupa \
    && install --directory --owner grupa --group grupa --mode 0700 /warehouse
COPY --from=build /opt/grupa /opt/grupa
COPY deploy /opt/grupa/deploy

ENV PATH=/opt/grupa/.venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    GRUPA_WAREHOUSE=/warehouse \
    DAGSTER_HOME=/warehouse/.dagster \
    DAGSTER_DISABLE_TELEMETRY=1
USER 10001:10001
WORKDIR /warehouse
VOLUME /warehouse
EXPOSE 8050 3000
STOPSIGNAL SIGTERM
CMD ["grupa", "--help"]
