# Two commands are all a newcomer needs: `make demo` and `make test`.

BIN := .venv/bin
# A stamp says which lock file and pyproject.toml the environment was made from: repeated makes do nothing.
RUNTIME := .venv/.runtime
DEV := .venv/.dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/pip-compile --quiet --no-strip-extras --allow-unsafe --generate-hashes --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options
# The tests of a file run in one process, in the order that tests/conftest.py puts them in.
PYTEST := $(BIN)/python -m pytest --numprocesses logical --dist loadfile --no-loadscope-reorder
IN_PROCESS := not browser and not spark and not dagster_ui

.PHONY: demo test test-fast check format docs docs-site screenshots audit lock

# Other ports: make demo ARGS="--port 8060 --dagster-port 3060"
demo: $(RUNTIME)
	set -a; if [ -f .env ]; then . ./.env; fi; set +a; exec $(BIN)/grupa demo $(ARGS)

# Tests in one process each side by side, and measured; then those that start servers, browsers and clusters, which fill the
# machine by themselves, one by one.
test: $(DEV)
	tools/chromium
	tools/java
	tools/node
	$(PYTEST) -m "$(IN_PROCESS)" --cov --cov-report=
	$(BIN)/python -m pytest -p no:randomly -m "not ($(IN_PROCESS))"
	$(BIN)/python tools/coverage_summary.py

# No browser, no Spark, no Dagster server and no slow test: what to run after each change.
test-fast: $(DEV)
	$(PYTEST) -m "$(IN_PROCESS) and not slow"

# Many tests start Python again, which takes seconds longer where it may not keep what it compiled.
test test-fast: export PYTHONDONTWRITEBYTECODE =

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python tools/check_names.py

format: $(DEV)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(RUNTIME)
	$(BIN)/python -m grupa_pipeline.storage.tables_doc docs/tables.md

docs-site: $(DEV)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# The pictures of the README and the docs, made from the sample log.
screenshots: $(DEV)
	tools/chromium
	PYTHONPATH=. $(BIN)/python tools/screenshots.py --out docs/images

audit: $(DEV)
	$(BIN)/python tools/audit.py requirements-dev.lock

# Keeps the pins that still fit; `make lock UPGRADE=--upgrade` takes the newest of everything.
lock: $(DEV)
	$(LOCK) $(UPGRADE) --output-file requirements.lock pyproject.toml
	$(LOCK) $(UPGRADE) --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(LOCK) $(UPGRADE) --extra postgres --constraint requirements.lock --output-file requirements-postgres.lock pyproject.toml

.venv/bin/python:
	tools/venv .venv

$(RUNTIME): requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing what Grupa needs into .venv (once; a few minutes on a slow line)"
	$(PIP) install --require-hashes --requirement requirements.lock
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUNTIME)
	@echo "Installing what its tests need"
	$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@
