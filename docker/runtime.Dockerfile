# The device runtime: numpy, pydantic and nothing that serves. Build from the repository's root:
#   docker build -f docker/runtime.Dockerfile -t shardstream-runtime .

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
    && python -m venv /opt/shardstream \
    && /opt/shardstream/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/runtime.txt
COPY LICENSE NOTICE ./
COPY runtime runtime
WORKDIR /source/runtime
RUN /build/bin/hatchling build -t wheel -d /wheels \
    && /opt/shardstream/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin shardstream \
    && install --directory --owner shardstream /data
COPY --from=build /opt/shardstream /opt/shardstream
USER 10001
VOLUME /data
WORKDIR /data
ENV PATH=/opt/shardstream/bin:$PATH
# A run ends by itself: its exit code is its health.
HEALTHCHECK NONE
ENTRYPOINT ["shard-runtime"]
CMD ["--help"]
