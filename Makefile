# demo: an archive to look at; test, lint, bench: what they say. Each installs what is missing by itself.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench .venv

.venv: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "gongkai needs Python 3.11 or newer; say make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch .venv/installed

demo: .venv
	$(BIN)/gongkai demo

# pywb replays an exported WARC in a test; it pins a redis that scrapy-redis cannot use, so it lives apart.
.venv/pywb/installed: tests/requirements-pywb.lock .venv/installed
	$(PYTHON) -m venv .venv/pywb
	.venv/pywb/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r tests/requirements-pywb.lock
	@touch .venv/pywb/installed

test: .venv .venv/pywb/installed
	$(BIN)/python -m pytest

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv
	$(BIN)/python -m tests.bench
