PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TESTS ?= tests
JOBS ?= auto

.PHONY: help setup demo test test-all test-matrix check fmt bench lock clean

help: ## what one can make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.made: pyproject.toml requirements-dev.lock
	@tools/setup "$(PYTHON)" "$(VENV)"
	@touch $@

setup: $(VENV)/.made ## the environment in .venv

demo: $(VENV)/.made ## the messaging schema: migrated, seeded, verified
	@$(BIN)/ringfence demo

test: $(VENV)/.made ## the whole suite (TESTS=path for a part)
	@$(BIN)/pytest -n $(JOBS) -m "not slow and not matrix" $(TESTS)
