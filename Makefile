# The commands of this project. Everything is installed into .venv; nothing else is needed than Python 3.11 or later and make.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

# Names that a Python may have on this machine; the first that fits is taken, unless one is named: make test PYTHON=python3.12
NAMES := python3.13 python3.14 python3.12 python3.11 python3 python3.15 python3.16 python3.17 python3.18 python3.19
FITS := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in $(NAMES); do \
	$$name -c '$(FITS)' >/dev/null 2>&1 && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check --no-input
PYTEST := $(BIN)/python -m pytest --quiet
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	$(if $(UPGRADE),--upgrade)
# Tests start hundreds of processes. Each would compile all of our modules anew.
unexport PYTHONDONTWRITEBYTECODE
# Tests that wait for servers and processes more than they work share the cores.
PARALLEL := -n 3 --dist worksteal

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/ready ## Mirror a sandbox, change it, deliver the changes; KEEP=1 goes on with the page until Ctrl-C
	@$(BIN)/mirrorpoint demo $(if $(KEEP),--keep)

.PHONY: test
test: lint test-unit test-integration test-page test-e2e ## Everything: checks and all tests, with the servers they need

.PHONY: test-unit
test-unit: $(VENV)/ready ## Tests without any I/O; seconds
	@$(PYTEST) -n 2 tests/unit

.PHONY: test-integration
test-integration: $(VENV)/ready ## Tests with real databases, HTTP servers and brokers
	@$(PYTEST) $(PARALLEL) tests/integration $(wildcard tests/regressions)

.PHONY: test-page
test-page: $(VENV)/ready ## The page in a real browser: Chromium, where there is one (sudo apt install chromium); installs none
	@$(PYTEST) -n 2 tests/page

.PHONY: test-e2e
test-e2e: $(VENV)/ready ## Tests with real processes
	@$(PYTEST) $(PARALLEL) tests/end_to_end

.PHONY: test-installed
test-installed: $(VENV)/ready ## The wheel and the runtime lock alone, in an environment of their own
	@$(PYTEST) tests/end_to_end/test_installed.py

.PHONY: test-pythons
test-pythons: ## Unit tests and the installed form on each Python here, or on PYTHONS="python3.12 /path/to/python3.14"
	@pythons="$(PYTHONS)"; \
	test -n "$$pythons" || for name in $(sort $(filter-out python3,$(NAMES))); do \
		$$name -c '$(FITS)' >/dev/null 2>&1 && pythons="$$pythons $$name"; done; \
	test -n "$$pythons" || { echo 'No Python 3.11 or later was found. Name some: make test-pythons PYTHONS="/path/to/python3.14"' >&2; exit 1; }; \
	echo "Found:" $$pythons; failed=; \
	for python in $$pythons; do \
		version=$$($$python -c 'import platform; print(platform.python_version())') && echo "== $$python is Python $$version" \
		&& $(MAKE) --no-print-directory VENV=.venv-pythons/$$version PYTHON=$$python test-unit test-installed \
		|| failed="$$failed $$python"; \
	done; \
	test -z "$$failed" || { echo "Failed:$$failed" >&2; exit 1; }; echo "Passed:" $$pythons

.PHONY: coverage
coverage: $(VENV)/ready ## Which lines no unit or integration test runs; it is told, and nothing is demanded
	@$(PYTEST) $(PARALLEL) --cov --cov-report=term-missing:skip-covered tests/unit tests/integration $(wildcard tests/regressions)

.PHONY: soak
soak: $(VENV)/ready ## All faults mixed for MINUTES=20 on each database; SEED=n again, ON=sqlite one database; not in test
	@MINUTES="$(MINUTES)" SEED="$(SEED)" ON="$(ON)" $(BIN)/python -m tests.soak

.PHONY: bench
bench: $(VENV)/ready .venv-bench/ready ## Speed and memory beside what others would use, into docs/benchmarks.md; an hour; ONLY="sqlite …"
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

.PHONY: bench-quick
bench-quick: $(VENV)/ready ## The same in small and without the others: two minutes
	@$(BIN)/python -m benchmarks --quick $(if $(ONLY),--only $(ONLY))

.PHONY: wheel
wheel: $(VENV)/ready ## Build dist/mirrorpoint-….whl, for docs/install.md
	@$(BIN)/python -m hatchling build -t wheel

.PHONY: lint
lint: $(VENV)/ready ## Style, types, and who may import whom
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --check
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >$(VENV)/imports 2>&1 || { cat $(VENV)/imports; exit 1; }

.PHONY: format
format: $(VENV)/ready ## Put the code into its form
	@$(BIN)/ruff check --quiet --fix
	@$(BIN)/ruff format --quiet

.PHONY: docs
docs: $(VENV)/ready ## Write the pages of docs/ that are made from the code
	@$(BIN)/python -m docs.generator

.PHONY: pictures
pictures: $(VENV)/ready ## Take the pictures of the page anew, from the demo; needs Chromium
	@$(BIN)/python -m docs.generator.pictures

.PHONY: lock
lock: $(VENV)/ready ## Fit the locks to pyproject.toml; UPGRADE=1 chooses all versions anew (needs the network)
	@$(PIP) install uv
	@$(LOCK) pyproject.toml -o requirements.lock
	@$(LOCK) pyproject.toml --extra dev -o requirements-dev.lock
	@$(LOCK) benchmarks/requirements.in -o benchmarks/requirements.lock

.PHONY: clean
clean: ## Remove .venv and what the tools have left
	@rm -rf .venv .venv-pythons .venv-bench .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage build dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Made again only when what it holds changes; needs the network only then.
$(VENV)/ready: requirements-dev.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Mirrorpoint needs Python 3.11 or later, and none was found. Name one: make PYTHON=/path/to/python3.14" >&2; exit 1; }
	@$(PYTHON) -c '$(FITS)' 2>/dev/null || { echo "$(PYTHON) is not Python 3.11 or later." >&2; exit 1; }
	@echo "Installing into $(VENV), about half a minute ..." >&2
	@test -x $(BIN)/python && $(BIN)/python -c '$(FITS)' 2>/dev/null || { rm -rf $(VENV) && $(PYTHON) -m venv $(VENV); }
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# What Mirrorpoint is measured beside, apart from all that is its own.
.venv-bench/ready: benchmarks/requirements.lock
	@echo "Installing what is measured beside Mirrorpoint into .venv-bench ..." >&2
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@.venv-bench/bin/python -m pip -qq --disable-pip-version-check --no-input install --require-hashes -r benchmarks/requirements.lock
	@touch $@
