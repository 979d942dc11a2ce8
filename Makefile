PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?= tests
JOBS ?= auto
PYTEST = $(BIN)/pytest -n $(JOBS)
# pytest's status 5 is a selection of nothing, which would read as a failure of something. Why it is,
# a file that is not there or a name that is none, its workers keep for themselves.
run = $(PYTEST) $(1) || { s=$$?; [ $$s != 5 ] || { $(BIN)/pytest -q --collect-only $(1) >&2; \
	echo "error: no test was selected: look at TESTS" >&2; }; exit $$s; }

# Else every process compiles the package anew: measurements and tests would be of the compiler.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all test-matrix test-min check fmt docs golden bench db lock clean

help: ## what one can make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Programs in an environment know its path: one that was moved, or whose Python is gone, is made anew.
WHOLE := $(shell { cd $(VENV) && test -x bin/python && test "`cat .made`" = "`pwd -P`" && echo yes; } 2>/dev/null)
ifneq ($(WHOLE),yes)
.PHONY: $(VENV)/.made
endif
$(VENV)/.made: pyproject.toml requirements-dev.lock
	@tools/setup "$(PYTHON)" "$(VENV)"

setup: $(VENV)/.made ## the environment in .venv
	@:

demo: setup ## the messaging schema on a server of its own: migrated, seeded, verified
	@$(BIN)/ringfence demo

test: setup ## the suite (TESTS=path for a part of it)
	@$(call run,-m "not slow" $(TESTS))

test-all: setup ## the suite with what takes long
	@$(call run,$(TESTS))

test-matrix: setup ## what runs against every PostgreSQL there is on the machine
	@tools/test-matrix -n $(JOBS) $(TESTS)

test-min: setup ## the suite with the oldest releases that pyproject.toml allows
	@tools/test-min $(TESTS)

check: setup ## style and types of the code, the SQL and the pages
	@$(BIN)/ruff check -q . && $(BIN)/ruff format -q --check . && $(BIN)/mypy
	@$(BIN)/ringfence lock --check && $(BIN)/ringfence lint ddl migrations src
	@$(BIN)/python tools/docs.py --check

fmt: setup ## the code as ruff writes it
	@$(BIN)/ruff check -q --fix . && $(BIN)/ruff format -q .

docs: setup ## the pages that are made from the code
	@$(BIN)/python tools/docs.py
	@$(BIN)/ringfence document

golden: setup ## the expected outputs, as they are now (read the difference before you commit it)
	@UPDATE_GOLDEN=1 $(PYTEST) $(TESTS)

bench: setup ## what commands cost, against the limits they keep (BENCH=--large: of 5,000 tables too)
	@$(BIN)/python -m bench $(BENCH)

db: setup ## psql on the embedded server
	@$(BIN)/ringfence db psql

lock: setup ## the exact versions of the environment, as new as pyproject.toml allows
	@tools/lock "$(BIN)/uv"

clean: ## away with what make made, the embedded server and its data too
	@[ ! -x $(BIN)/ringfence ] || $(BIN)/ringfence db destroy --yes
	@rm -rf $(VENV) .ringfence .hypothesis .mypy_cache .pytest_cache .ruff_cache dist build
