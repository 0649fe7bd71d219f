# `make demo` and `make test` need Python >= 3.11 with venv, and make; nothing else.
# The environment they set up is `.venv`; it is made anew when pyproject.toml changes.

OLD_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; \
    do "$$python" -c '$(OLD_ENOUGH)' 2>/dev/null && echo "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PYTEST_ARGS ?=
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder
WORKERS ?= $(shell nproc 2>/dev/null || echo 2)

.PHONY: help demo test test-long lint format clean

help:
	@echo "make demo       set up .venv and run the force field on a few structures"
	@echo "make test       set up .venv and run the tests (PYTEST_ARGS='-k bond' for some)"
	@echo "make test-long  run those that take minutes each"
	@echo "make lint       check style and types"
	@echo "make format     put the code into the project's style"
	@echo "make clean      remove .venv and all caches"

demo: $(VENV)/.demo
	$(BIN)/reaxff-jax demo --output reaxff-demo

test: $(VENV)/.dev
	$(PYTEST) $(PYTEST_ARGS)

test-long: $(VENV)/.dev
	$(PYTEST) -m long $(PYTEST_ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .cache .hypothesis .mypy_cache .ruff_cache build dist

$(VENV)/.python:
	@"$(PYTHON)" -c '$(OLD_ENOUGH)' 2>/dev/null || { \
	    echo "Python 3.11 or newer is needed and was not found ($(or $(PYTHON),no python3))."; \
	    echo "Name one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	@echo "Installing the package and what it needs into $(VENV) (a few minutes) ..."
	$(BIN)/python -m pip install --quiet --editable '.[plot]'
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml
	@echo "Installing the package, its tests and tools into $(VENV) (a few minutes) ..."
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo
