# Every command there is to know; `make help` lists them. CI runs the same targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STATE := $(or $(DE_ASSETS_STATE),$(CURDIR)/data/state)
export DE_ASSETS_STATE := $(abspath $(STATE))
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help install demo dev test test-fast test-exhaustive check format graph dictionary bench clean

help:  ## What there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(VENV)/.installed  ## Make .venv from the lock (the other targets do it by themselves)

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	@echo "Installing into $(VENV) (once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --no-deps --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## Run the whole loop on an invented company
	@$(BIN)/de-assets demo

dev: install  ## Mock CRM on :8090 and the Dagster UI on :3000, with what the demo left
	@mkdir -p $(DE_ASSETS_STATE)
	@$(BIN)/de-assets crm & crm=$$!; trap 'kill $$crm 2>/dev/null' EXIT INT TERM; \
	  DAGSTER_HOME=$(CURDIR) $(BIN)/dg dev --host 127.0.0.1 --port 3000

test: install  ## Run the tests, but for those that take minutes each
	@$(BIN)/python -m pytest -m "not exhaustive"

test-exhaustive: install  ## Run those too: whole shop, canary, hundreds of stories
	@$(BIN)/python -m pytest -m exhaustive

test-fast: install  ## Run the tests that take less than ten seconds each
	@$(BIN)/python -m pytest -m "not slow and not exhaustive and not real_shop"

check: install  ## Lint, format, types, and Dagster's own check of the definitions
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@mkdir -p $(DE_ASSETS_STATE)
	@DAGSTER_HOME=$(CURDIR) $(BIN)/dg check defs

format: install  ## Mend what can be mended by itself
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

graph: install  ## Draw docs/img/asset-graph.svg anew
	@$(BIN)/de-assets graph docs/img/asset-graph.svg

dictionary: install  ## Write docs/data-dictionary.md anew
	@$(BIN)/de-assets dictionary docs/data-dictionary.md

bench: install  ## Measure what is measured: benchmarks/, results in docs/benchmarks.md
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit; done

clean:  ## Remove what the demo and the tests left; sources and landing files stay
	@rm -rf data/lake data/state .coverage .mypy_cache .ruff_cache .hypothesis
