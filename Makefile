# `make help` lists what there is. Everything is installed into .venv from hash-pinned lock files.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PURE := tests/unit/rollout tests/unit/gates tests/unit/core tests/unit/governance tests/unit/adapters
PY := .venv/bin/python
STAMP := .venv/.installed
export PYTHONDONTWRITEBYTECODE :=  # pytest keeps the tests that it has rewritten: half the time of a short suite
STEP = @printf '\n\033[1m== %s\033[0m\n' "$(1)"

.PHONY: help install demo test lint format types unit unit-pure unit-rest repository integration examples sim apiserver cluster e2e soak bench crds docs lock \
        cluster-up cluster-down cluster-status clean

help: ## What can be done here
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): requirements/dev.lock pyproject.toml
	@command -v python3 >/dev/null || { echo "python3 (3.11 or newer) is needed and was not found"; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "python3 is older than 3.11"; exit 1; }
	@echo "installing the locked dependencies into .venv (about a minute, once)"
	@python3 -m venv --clear .venv || { echo "python3 -m venv failed; on Debian: apt-get install python3-venv"; exit 1; }
	@.venv/bin/pip install --quiet --require-hashes --requirement requirements/dev.lock
	@.venv/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

install: $(STAMP) ## The virtual environment with every locked dependency

demo: $(STAMP) ## A cluster, the operator, a model: canary, rollback, blue-green, return, approvals
	@$(PY) -m examples.demo

test: lint types unit repository integration examples sim apiserver cluster e2e ## All checks and tests (what CI runs)

lint: $(STAMP) ## Ruff (all rules) and the one direction of the house
	$(call STEP,lint)
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports

types: $(STAMP) ## mypy --strict
	$(call STEP,types)
	@.venv/bin/mypy

unit: $(STAMP) ## Pure functions and small parts, in ten seconds
	$(call STEP,unit)
	@$(MAKE) --no-print-directory --jobs=2 --output-sync unit-pure unit-rest

# Two processes that share nothing: to hand over four thousand results one by one takes longer than half of them.
unit-pure:
	@$(PY) -m pytest $(PURE) -q --durations=3
unit-rest:
	@$(PY) -m pytest tests/unit $(PURE:%=--ignore=%) -q --durations=3

repository: $(STAMP) ## What is written beside the code: dependencies, pages and their commands
	$(call STEP,repository)
	@$(PY) -m pytest tests/repository

integration: $(STAMP) ## Parts with real sockets, threads, processes and time
	$(call STEP,integration)
	@$(PY) -m pytest tests/integration -n 4

examples: $(STAMP) ## The example server, its models and the demo's decisions
	$(call STEP,examples)
	@$(PY) -m pytest tests/examples

sim: $(STAMP) ## The planner in a toy cluster that is late, dies and lies
	$(call STEP,sim)
	@$(PY) -m pytest tests/sim -m "not soak" -n 2

# Operators that are killed inside the test's process close no socket and join no thread.
apiserver: $(STAMP) ## A real etcd and kube-apiserver
	$(call STEP,apiserver)
	@$(PY) -m pytest tests/apiserver -m "apiserver and not soak" -n 3 -W ignore::pytest.PytestUnraisableExceptionWarning -W ignore::pytest.PytestUnhandledThreadExceptionWarning

cluster: $(STAMP) ## The local cluster itself: up, broken, mended
	$(call STEP,cluster)
	@$(PY) -m tests.cluster up
	@$(PY) -m pytest tests/cluster -m cluster

e2e: $(STAMP) ## Real pods, real Prometheus, the operator from its image and manifests
	$(call STEP,e2e)
	@$(PY) -m tests.cluster up
	@$(PY) -m pytest tests/e2e -m e2e -n 4 --maxschedchunk 1

soak: $(STAMP) ## A sample of crash points, worlds, faults, churn; LOCKSTEP_SOAK=all for everything. Goes on where it was stopped
	$(call STEP,soak)
	@$(PY) -m pytest tests/sim -m soak -n 2
	@$(PY) -m pytest tests/apiserver -m soak -n 2 -W ignore::pytest.PytestUnraisableExceptionWarning -W ignore::pytest.PytestUnhandledThreadExceptionWarning
	@$(PY) -m pytest tests/soak -m soak -s -W ignore::pytest.PytestUnraisableExceptionWarning
	@rm -rf .soak

bench: $(STAMP) ## What docs/explanation/speed.md claims, measured (half an hour on a quiet machine)
	@$(PY) -m benchmarks.rollouts --n 100 300 1000 --plain 300 --least 300 --argo 300 --intervals 1 5 10 --bad 300 --out benchmarks/rollouts/results

format: $(STAMP) ## Let ruff lay the code out
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

crds: $(STAMP) ## Write crds/ from the models
	@$(PY) -m lockstep.api.crds crds

docs: $(STAMP) ## Write docs/reference/ from the models
	@$(PY) -m lockstep.api.reference docs/reference

lock: $(STAMP) ## Write requirements/*.lock from pyproject.toml
	@.venv/bin/uv pip compile --quiet --python $(PY) --generate-hashes --no-header --no-annotate --output-file requirements/operator.lock pyproject.toml
	@.venv/bin/uv pip compile --quiet --python $(PY) --generate-hashes --no-header --no-annotate --extra dev --output-file requirements/dev.lock pyproject.toml

cluster-up: $(STAMP) ## A real Kubernetes on this machine (CLUSTER=existing|kind|local to choose)
	@$(PY) -m tests.cluster up

cluster-down: $(STAMP) ## Take it away, leaving nothing
	@$(PY) -m tests.cluster down

cluster-status: $(STAMP) ## What runs and what does not
	@$(PY) -m tests.cluster status

clean: ## Remove what was made in the checkout
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist build
