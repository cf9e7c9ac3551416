# The planner service. Build from the repository's root:
#   docker build -f docker/planner.Dockerfile -t shardstream-planner .

FROM python:3.11-slim-bookworm AS build
WORKDIR /source
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv /build \
    && /build/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/build.txt \
    && python -m venv /opt/shardstream \
    && /opt/shardstream/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements/server.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY runtime runtime
COPY device_profiles device_profiles
COPY simulator simulator
COPY shard_builder shard_builder
COPY planner_api planner_api
RUN /build/bin/hatchling build -t wheel -d /wheels \
    && /opt/shardstream/bin/pip install --no-cache-dir --no-deps /wheels/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin shardstream \
    && install --directory --owner shardstream /data
COPY --from=build /opt/shardstream /opt/shardstream
USER 10001
VOLUME /data
ENV PATH=/opt/shardstream/bin:$PATH \
    SHARDSTREAM_DATABASE=sqlite:////data/shardstream.sqlite3 \
    SHARDSTREAM_LOG_FORMAT=json
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=2)"]
ENTRYPOINT ["shardstream"]
# Listening beyond loopback needs SHARDSTREAM_API_KEYS; without keys the service refuses to start.
CMD ["serve", "--host", "0.0.0.0", "--port", "8080"]
