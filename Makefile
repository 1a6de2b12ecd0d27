# The commands of this project. Everything is installed into .venv; nothing else is needed than Python 3.11-3.13 and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# The first Python on this machine that fits, unless one is named: make test PYTHON=python3.12
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3; do \
	command -v $$name >/dev/null 2>&1 && $$name -c '$(FITS)' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
PYTEST := $(BIN)/python -m pytest --quiet
# Tests that wait for servers and processes more than they work share the cores.
PARALLEL := -n 3 --dist worksteal

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/ready ## Mirror a sandbox, change it, deliver the changes; KEEP=1 goes on until Ctrl-C
	@$(BIN)/mirrorpoint demo $(if $(KEEP),--keep)

.PHONY: test
test: lint test-unit test-integration test-e2e ## Everything: checks and all tests, with the servers they need

.PHONY: test-unit
test-unit: .venv/ready ## Tests without any I/O; seconds
	@$(PYTEST) tests/unit

.PHONY: test-integration
test-integration: .venv/ready ## Tests with real databases, HTTP servers and brokers
	@$(PYTEST) $(PARALLEL) tests/integration $(wildcard tests/regressions)

.PHONY: test-e2e
test-e2e: .venv/ready ## Tests with real processes
	@$(PYTEST) $(PARALLEL) tests/end_to_end

.PHONY: soak
soak: .venv/ready ## All faults mixed for MINUTES=20 on each database; SEED=n again, ON=sqlite one database; not in test
	@MINUTES="$(MINUTES)" SEED="$(SEED)" ON="$(ON)" $(BIN)/python -m tests.soak

.PHONY: bench
bench: .venv/ready .venv-bench/ready ## Speed and memory beside what others would use, into docs/benchmarks.md; an hour; ONLY="sqlite …"
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

.PHONY: bench-quick
bench-quick: .venv/ready ## The same in small and without the others: two minutes
	@$(BIN)/python -m benchmarks --quick $(if $(ONLY),--only $(ONLY))

.PHONY: lint
lint: .venv/ready ## Style, types, and who may import whom
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/imports 2>&1 || { cat .venv/imports; exit 1; }

.PHONY: format
format: .venv/ready ## Put the code into its form
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

.PHONY: docs
docs: .venv/ready ## Write the pages of docs/ that are made from the code
	@$(BIN)/python -m worker.reference

.PHONY: lock
lock: .venv/ready ## Choose the versions of the libraries anew (needs the network)
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade -o requirements.lock
	@$(BIN)/uv pip compile --quiet pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade -o requirements-dev.lock
	@$(BIN)/uv pip compile --quiet benchmarks/requirements.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --upgrade -o benchmarks/requirements.lock

.PHONY: clean
clean: ## Remove .venv and what the tools have left
	@rm -rf .venv .venv-bench .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again only when what it holds changes; needs the network only then.
.venv/ready: requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Mirrorpoint needs Python 3.11, 3.12 or 3.13, and none was found. Name one: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' 2>/dev/null || { echo "$(PYTHON) is not Python 3.11, 3.12 or 3.13." >&2; exit 1; }
	@echo "Installing into .venv, about half a minute ..." >&2
	@test -x $(BIN)/python && $(BIN)/python -c '$(FITS)' 2>/dev/null || { rm -rf .venv && $(PYTHON) -m venv .venv; }
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# What Mirrorpoint is measured beside, apart from all that is its own.
.venv-bench/ready: benchmarks/requirements.lock
	@echo "Installing what is measured beside Mirrorpoint into .venv-bench ..." >&2
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip -qq --disable-pip-version-check --no-input install --require-hashes -r benchmarks/requirements.lock
	@touch $@
