# `make demo` and `make test` do all set-up themselves, in .venv of this checkout.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
# Stamps lie inside .venv: whoever removes it removes them too.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
DEMO ?= demo
# The torch that tests run on; users choose their own (pyproject.toml says from which version on).
TEST_TORCH := torch==2.13.0
# Two OpenMP threads on a busy two-core machine are slower than one.
export OMP_NUM_THREADS ?= 1

.PHONY: help demo test check chromium clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: $(RUN_STAMP) ## caption a built-in sample and write demo/report.html, offline
	@"$(BIN)/pix2cap" demo --out "$(DEMO)"

test: check chromium ## check style, types and imports, then run every test
	@"$(BIN)/python" -m pytest -rs

check: $(DEV_STAMP) ## check style, types and imports only
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports"

chromium: ## install Chromium for the browser tests where that can be done
	@sh scripts/chromium.sh

$(BIN)/python:
	@sh scripts/venv.sh "$(VENV)"

$(RUN_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing pix2cap into $(VENV) (once; a minute or two)"
	@$(PIP) install --quiet --editable .
	@touch "$@"

$(DEV_STAMP): pyproject.toml | $(BIN)/python
	@echo "Installing pix2cap and its test tools into $(VENV) (once; a few minutes)"
	@# Torch goes first and alone: the machine's own package index decides which build this is (the CPU one on a
	@# machine without a GPU, where the index offers it), and `.[dev]` then finds it there and fetches no other.
	@$(PIP) install --quiet '$(TEST_TORCH)'
	@$(PIP) install --quiet --editable '.[dev]'
	@touch "$(RUN_STAMP)" "$@"

clean: ## remove .venv, the demo and all caches
	rm -rf "$(VENV)" "$(DEMO)" build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
