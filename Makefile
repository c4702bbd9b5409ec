# One vocabulary for people, hooks and CI. `make` alone lists it.
.DEFAULT_GOAL := help
SHELL := /bin/sh
BIN := .venv/bin
# The library, the laptop cloud, and the commands of a checkout that join the two.
PROJECTS := pyproject.toml emulator/pyproject.toml laptop/pyproject.toml
# The virtual environment brings its own Node and `cdk`; the system's must not be picked instead.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Tests start hundreds of processes; each would compile all that it imports, the CDK's library included, for itself.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo test test-here test-clouds test-unit coverage test-infra test-laptop lint format synth bench lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */  \1\t/' | expand -t 16

setup:  ## make .venv with everything locked in requirements.lock
	@scripts/setup

demo: setup  ## the whole loop once on the laptop cloud; arguments by ARGS="--rows 50000"
	@$(BIN)/noriba demo $(ARGS)

test: setup  ## everything CI runs: lint, types, architecture, unit, function, infra, container and laptop tests
	@$(MAKE) --no-print-directory -j 2 test-here test-clouds

# Two halves side by side, each about as long as the other: everything by itself, and the loop on laptop clouds.
test-here: lint
	@$(BIN)/pytest tests emulator/tests --ignore tests/laptop $(ARGS)

test-clouds:
	@$(BIN)/pytest tests/laptop $(ARGS)

test-unit: setup  ## the tests that need no cloud and no templates
	@$(BIN)/pytest tests/unit tests/functions $(ARGS)

coverage: setup  ## which lines and branches of the library, the use cases and the functions those tests run
	@$(BIN)/pytest tests/unit tests/functions --cov --cov-report=term $(ARGS)

test-infra: setup  ## templates: behaviour, least privilege, cdk-nag, cfn-lint, determinism
	@$(BIN)/pytest tests/infra $(ARGS)

test-laptop: setup  ## the laptop cloud against boto3 and the AWS CLI, and the walk round the loop
	@$(BIN)/pytest emulator/tests tests/laptop $(ARGS)

lint: setup  ## ruff, mypy, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --cache-dir .venv/import-linter

format: setup  ## let ruff put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

synth: setup  ## the CloudFormation templates, into cdk.out; needs no AWS credentials
	@$(BIN)/cdk synth --quiet $(ARGS)
	@echo "Templates are in cdk.out"

bench: setup  ## the measured claims, each beside its named peer
	@$(BIN)/python -m benchmarks $(ARGS)

lock: setup  ## resolve the dependencies anew into requirements.lock
	@$(BIN)/uv pip compile $(PROJECTS) --quiet --all-extras --group dev --universal --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --upgrade --output-file requirements.lock

clean:  ## stop the laptop cloud and remove everything made here
	@if [ -x $(BIN)/noriba ]; then $(BIN)/noriba down; fi
	@rm -rf .venv .noriba .build cdk.out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
