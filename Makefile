# The only door: `make help`.
SHELL := /bin/bash
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
TORCH := torch==2.13.0
PYTHON_SOURCES := libs services gateway tools tests

.DEFAULT_GOAL := help
.PHONY: help install run demo test check lint format proto proto-drift attack bench clean

help: ## What can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

# torch comes first and alone: any other form can pull gigabytes of CUDA packages.
$(VENV)/.torch:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or later is needed: apt-get install python3.11 python3.11-venv, or make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	@touch $@

$(VENV)/.local: $(VENV)/.torch pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[local]'
	@touch $@

$(VENV)/.dev: $(VENV)/.torch pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.local

install: $(VENV)/.local ## Make .venv with everything that the mesh needs

run: $(VENV)/.local ## Start the whole mesh on this machine and make a first picture
	@exec $(BIN)/atelier-mesh run

demo: $(VENV)/.local ## Make pictures and a clip, on the mesh that runs or on one for the purpose
	@exec $(BIN)/atelier-mesh demo

test: $(VENV)/.dev ## Run every test (real Envoy, NATS, S3 server, PostgreSQL, Chromium; no Docker, no GPU)
	@command -v chromium chromium-browser google-chrome >/dev/null || { echo "The tests open pages in Chromium: apt-get install chromium"; exit 1; }
	@command -v npm >/dev/null || { echo "A test compiles TypeScript with Node.js and npm: apt-get install nodejs npm"; exit 1; }
	$(BIN)/pytest -q -n 3

lint: $(VENV)/.dev ## Format check, ruff, mypy, buf, import contracts, drift of generated code
	$(BIN)/ruff format --check $(PYTHON_SOURCES)
	$(BIN)/ruff check $(PYTHON_SOURCES)
	$(BIN)/buf lint protos
	$(BIN)/buf format --diff --exit-code protos --path protos/atelier
	$(BIN)/mypy $(PYTHON_SOURCES)
	$(BIN)/lint-imports
	@$(MAKE) --no-print-directory proto-drift

format: $(VENV)/.dev ## Rewrite Python and protos in the house style
	$(BIN)/ruff format $(PYTHON_SOURCES)
	$(BIN)/ruff check --fix $(PYTHON_SOURCES)
	$(BIN)/buf format --write protos --path protos/atelier

proto: $(VENV)/.dev ## Generate code, descriptor set and OpenAPI document from protos/
	$(BIN)/python -m tools.proto

# `git status` and not `git diff`: a diff misses new files.
proto-drift: $(VENV)/.dev
	@$(BIN)/python -m tools.proto --check

check: lint test ## What CI runs

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	@touch $@

attack: $(VENV)/.dev ## Attack a whole mesh, many times over: the table in SECURITY.md
	ATELIER_ATTACK=full $(BIN)/pytest -q --timeout 1800 tests/attack

bench: $(VENV)/.bench ## Measure ratios in one run: docs/benchmarks.md
	$(BIN)/python -m tests.bench

clean: ## Remove .venv and everything that the mesh keeps under var/
	rm -rf $(VENV) var
