# `make` lists the targets. Everything is written to ignored paths: .venv, .cache, .ansible.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The first Python that really starts (version managers leave shims that do not), is new enough and can make a virtual environment. The distribution's own
# comes first: one that a version manager compiled is often built without optimisations, and everything here takes a third longer with it.
FIT := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do \
	"$$candidate" -c '$(FIT)' >/dev/null 2>&1 && { command -v "$$candidate"; break; }; done)
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
COLLECTIONS := $(CURDIR)/.ansible/collections
LINK := $(COLLECTIONS)/ansible_collections/gpudev/workstation
WORKERS ?= 2
SCENARIO ?= healthy
export PATH := $(BIN):$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(COLLECTIONS)
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PYTHONPATH := $(CURDIR)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

# --- set-up ---------------------------------------------------------------------------------------------------------------

.PHONY: setup
setup: $(VENV)/.run $(LINK) .cache/wheelhouse/.filled .cache/simstation/.prepared ## Set up what `make demo` needs

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo 'Python 3.11 or newer with its venv is needed (Debian, Ubuntu: apt install python3-venv); name one with make PYTHON=/path/to/python3'; exit 1; }
	@echo "==> a virtual environment in $(VENV), with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.txt | $(VENV)/bin/python
	@echo "==> pinned requirements, checked by hash (about half a minute with a warm pip cache)"
	@$(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes -r $<
	@touch $@

$(VENV)/.test: requirements/test.txt $(VENV)/.run
	@echo "==> pinned requirements of the tests, checked by hash"
	@$(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes -r $<
	@touch $@

# FQCNs need a path that ends in ansible_collections/gpudev/workstation.
$(LINK):
	@mkdir -p $(dir $@)
	@ln -sfn ../../../.. $@

.cache/wheelhouse/.filled: roles/distro/files/requirements.txt $(VENV)/.run
	@echo "==> the wheels that a simulated distribution installs from, checked by hash"
	@mkdir -p $(dir $@)
	@$(BIN)/python -m pip download --quiet --no-deps --only-binary=:all: --require-hashes -r $< -d $(dir $@)
	@touch $@

.cache/simstation/.prepared: .cache/wheelhouse/.filled $(wildcard tests/simstation/distro/*.py)
	@echo "==> the template of a simulated distribution"
	@mkdir -p $(dir $@)
	@$(BIN)/python -m tests.simstation prepare
	@touch $@

.PHONY: setup-test
setup-test: setup $(VENV)/.test

# --- what a newcomer runs ---------------------------------------------------------------------------------------------------

.PHONY: demo
demo: setup ## Provision a simulated factory-fresh workstation with the real site.yml, twice
	@$(BIN)/python -m tests.demo

.PHONY: test
test: test-unit test-integration test-molecule test-docs ## All tests; no root, Docker, Windows or GPU needed
	@echo "==> all tests passed"

.PHONY: sim
sim: setup ## A simulated workstation to play with: make sim SCENARIO=drifted
	@$(BIN)/python -m tests.simstation.play $(SCENARIO)

# --- tests -------------------------------------------------------------------------------------------------------------------

.PHONY: test-unit
test-unit: setup-test ## Unit tests, of the product, of its PowerShell and of the simulator
	@echo "==> unit tests"
	@$(BIN)/python -m pytest -q -n $(WORKERS) tests/unit tests/powershell

.PHONY: test-integration
test-integration: setup-test ## site.yml and doctor.yml against simulated workstations, scenario by scenario
	@echo "==> integration tests on simulated workstations"
	@$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile tests/integration

.PHONY: test-molecule
test-molecule: setup-test ## The molecule scenario `default`
	@echo "==> molecule"
	@tests/molecule.sh

.PHONY: test-docker
test-docker: setup-test ## On a real Docker engine of the tests' own; needs root, docker.io and busybox-static (skipped without, with the reason)
	@echo "==> tests on a real Docker engine"
	@$(BIN)/python -m pytest -q -rs tests/docker

.PHONY: test-extended
test-extended: setup-test ## What takes too long for every run: millions of files, hundreds of stations, other people's tests
	@echo "==> extended tests (this takes long; pytest names each one as it goes)"
	@$(BIN)/python -m pytest -v tests/extended

.PHONY: test-docs
test-docs: setup-test ## Documentation of modules, roles and links
	@echo "==> documentation"
	@$(BIN)/python -m pytest -q tests/docs

.PHONY: bench
bench: setup-test ## Requests, bytes, seconds and CPU per run and per task in WSL; BENCH='--stations 1,50,200'
	@$(BIN)/python -m tests.bench $(BENCH)

.PHONY: docs
docs: setup ## Write the generated pages of docs/
	@$(BIN)/python docs/generate.py

# --- lint --------------------------------------------------------------------------------------------------------------------

.PHONY: lint
lint: setup-test ## ansible-lint, yamllint, ruff, mypy, ansible-test sanity, antsibull, galaxy build
	@tests/lint.sh

.PHONY: format
format: setup-test ## Sort imports and mend what ruff can
	@$(BIN)/ruff check --fix .

.PHONY: clean
clean: ## Remove everything that make wrote
	@rm -rf .venv .cache .ansible dist tests/output .pytest_cache .mypy_cache .ruff_cache .hypothesis
