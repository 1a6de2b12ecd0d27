# Mirrorpoint as an ordinary user: `docker build -t mirrorpoint .`, then `docker run -v "$PWD:/data" mirrorpoint run`.

FROM python:3.13-slim-bookworm AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_CACHE_DIR=1
# What builds the wheel is locked as well, and stays in this stage.
COPY requirements-dev.lock ./
RUN pip install --quiet --require-hashes -r requirements-dev.lock
COPY . .
RUN python -m hatchling build -t wheel

FROM python:3.13-slim-bookworm
# PYTHONSAFEPATH: a file in the mounted folder is never taken for a module of ours.
ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PYTHONSAFEPATH=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements.lock /tmp/
RUN pip install --quiet --no-cache-dir --require-hashes -r /tmp/requirements.lock && rm /tmp/requirements.lock
COPY --from=build /build/dist/*.whl /tmp/
RUN pip install --quiet --no-cache-dir --no-deps --no-index /tmp/*.whl && rm /tmp/*.whl \
 && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin mirrorpoint \
 && install --directory --owner mirrorpoint --group mirrorpoint /data
# Configuration, key and an SQLite database, where they are files; a mounted folder must be writable for user 10001.
VOLUME /data
WORKDIR /data
USER 10001
STOPSIGNAL SIGTERM
ENTRYPOINT ["mirrorpoint"]
CMD ["--help"]
