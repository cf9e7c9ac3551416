# What a person does with this repository. Needed: make, Python >= 3.11, a package index.
#
# Three environments, each set up from nothing and kept until its inputs change:
#   .venv        the locked server requirements, the built project, the example model; nothing else
#   .venv-dev    the same and the tools of tests and lint
#   .venv-build  the build backend
# (docs/decisions/0004-environments.md says why they are apart.)

SHELL := /bin/bash
PYTHON ?= python3
PYTEST_ARGS ?= -n auto --dist loadfile
BENCH_ARGS ?=
SERVE_ARGS ?= --host 127.0.0.1 --port 8080 --database sqlite:///shardstream.db

PACKAGES := planner_api simulator device_profiles shard_builder runtime/plan_contracts runtime/shard_runtime
SOURCES := $(shell find $(PACKAGES) -type f -not -path '*/__pycache__/*' 2>/dev/null) \
	pyproject.toml runtime/pyproject.toml README.md runtime/README.md LICENSE NOTICE
PIP := -m pip --no-input --disable-pip-version-check
LOCKED := install --require-hashes --only-binary :all:
COMPILE := .venv-lock/bin/uv pip compile --quiet --universal --python-version 3.11 \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header

.PHONY: help install demo test test-slow test-wheels lint screenshots format serve bench lock schemas map clean
.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: .venv/.project ## set up .venv: server, built project, example model

demo: ## a real transformer meets a deadline, end to end
	@start=$$(date +%s); $(MAKE) --no-print-directory install \
		&& echo "environment ready: downloads and installs took $$(( $$(date +%s) - start )) s"
	.venv/bin/shardstream demo

test: .venv-dev/.project ## everything but the slow tests, against the built wheel
	.venv-dev/bin/pytest -m "not slow and not wheels" $(PYTEST_ARGS)

test-slow: .venv-dev/.project ## the tests that take minutes
	.venv-dev/bin/pytest -m slow $(PYTEST_ARGS)

test-wheels: .venv-dev/.project ## both wheels, each in a fresh environment
	.venv-dev/bin/pytest -m wheels

lint: .venv-dev/.requirements ## format, style, types, imports, docker files
	.venv-dev/bin/ruff format --check .
	.venv-dev/bin/ruff check .
	.venv-dev/bin/pyright
	PYTHONPATH=.:runtime .venv-dev/bin/lint-imports
	@if [ -x .venv-dev/bin/hadolint ]; then .venv-dev/bin/hadolint docker/*.Dockerfile; \
		else echo "skipped: hadolint has no build for this platform"; [ "$$CI" != true ]; fi
	@if command -v docker-compose >/dev/null; then SHARDSTREAM_API_KEYS=only-to-check-the-file docker-compose -f docker/compose.yaml config -q; \
		else echo "skipped: docker-compose is not installed"; [ "$$CI" != true ]; fi

screenshots: .venv-dev/.project ## retake the pictures of the page in docs/screenshots
	SHARDSTREAM_SCREENSHOTS=docs/screenshots .venv-dev/bin/pytest tests/e2e/test_screenshots.py

format: .venv-dev/.requirements ## rewrite the sources as lint wants them
	.venv-dev/bin/ruff format .
	.venv-dev/bin/ruff check --fix .

serve: .venv/.project ## the planner on http://127.0.0.1:8080
	.venv/bin/shardstream serve $(SERVE_ARGS)

bench: .venv-dev/.project ## the named benchmark cases
	.venv-dev/bin/python -m benchmarks $(BENCH_ARGS)

schemas: .venv-dev/.requirements ## rewrite the golden JSON Schemas of the documents
	PYTHONPATH=runtime .venv-dev/bin/python tests/document_schemas.py

map: .venv-dev/.requirements ## rewrite the map of the code in ARCHITECTURE.md
	.venv-dev/bin/python tests/code_map.py

lock: .venv-lock/.uv ## resolve the newest requirements and write their hashes
	$(COMPILE) --upgrade pyproject.toml -o requirements/server.txt
	$(COMPILE) --upgrade pyproject.toml --extra dev -c requirements/server.txt -o requirements/dev.txt
	$(COMPILE) --upgrade runtime/pyproject.toml -c requirements/server.txt -o requirements/runtime.txt
	$(COMPILE) --upgrade requirements/build.in -c requirements/dev.txt -o requirements/build.txt
	$(COMPILE) --upgrade requirements/example.in --no-deps -o requirements/example.txt

clean: ## remove the environments, the wheels and every cache
	rm -rf .venv .venv-dev .venv-build .venv-lock dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define new_environment
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) \
		else f"Python must be at least 3.11, got {v[0]}.{v[1]}: try make PYTHON=python3.12")'
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
endef

define install_wheel
	$(@D)/bin/python $(PIP) install --quiet --no-deps --force-reinstall dist/shardstream-*.whl
	@touch $@
endef

.venv/.requirements: requirements/server.txt requirements/example.txt
	$(new_environment)
	$(@D)/bin/python $(PIP) $(LOCKED) -r requirements/server.txt
	$(@D)/bin/python $(PIP) $(LOCKED) --no-deps -r requirements/example.txt
	@touch $@

.venv-dev/.requirements: requirements/dev.txt requirements/example.txt
	$(new_environment)
	$(@D)/bin/python $(PIP) $(LOCKED) -r requirements/dev.txt
	$(@D)/bin/python $(PIP) $(LOCKED) --no-deps -r requirements/example.txt
	@touch $@

.venv-build/.requirements: requirements/build.txt
	$(new_environment)
	$(@D)/bin/python $(PIP) $(LOCKED) --quiet -r requirements/build.txt
	@touch $@

.venv-lock/.uv:
	$(new_environment)
	$(@D)/bin/python $(PIP) install --quiet uv
	@touch $@

dist/.wheels: .venv-build/.requirements $(SOURCES)
	rm -rf dist
	.venv-build/bin/hatchling build -t wheel -d dist
	cd runtime && ../.venv-build/bin/hatchling build -t wheel -d ../dist
	@touch $@

.venv/.project: .venv/.requirements dist/.wheels
	$(install_wheel)

.venv-dev/.project: .venv-dev/.requirements dist/.wheels
	$(install_wheel)
