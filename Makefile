.DEFAULT_GOAL := help
.PHONY: help setup demo newcomer test test-all chaos fuzz mutants up down invoke lint lint-deploy format docs build deploy deploy-check bench load lock
# Hundreds of processes start in a test run: each would compile all that it imports anew.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
PORT ?= 8080
ARCH ?= arm64
ARGS ?=
CONFIG ?= default
PARAMETERS ?=
BRIDGE ?= auto
EVENT ?= events/create_campaign.json

help:           ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

setup:          ## Make .venv from the lock; nothing to do when it has not changed
	@sh local/bootstrap.sh

demo: setup     ## Create a campaign end to end in the local cloud and show what was made
	@$(PY) -m local demo $(ARGS)

newcomer: setup ## Type README's commands in a new clone and HOME, and print the seconds to the first campaign
	@$(PY) -m tests.newcomer

test: setup     ## Run the tests, in three processes: about five minutes on two quiet cores
	@echo "Running the tests: about five minutes on two quiet cores, longer on busy ones."
	@$(PY) -m pytest --numprocesses 3 --dist loadscope $(ARGS)

test-all: setup ## Run the slow tests too
	@$(PY) -m pytest --numprocesses 3 --dist loadscope -m "slow or not slow" $(ARGS)

chaos: setup    ## Run the fault matrix and the simulation (SEED=7 repeats a history, ARGS="--only CASE" a case)
	@$(PY) -m tests.chaos $(if $(SEED),--history $(SEED)) $(ARGS)

fuzz: setup     ## Send hostile input to the HTTP door and the tasks (ARGS="--cases 10000 --seed 1")
	@$(PY) -m tests.fuzz $(ARGS)

mutants: setup  ## Put faults into the code that guards money, and count those no test finds (ARGS="--only money")
	@$(PY) -m tests.mutation $(ARGS)

# The platforms' SDKs warn of Python versions and of one another, which nobody can mend here.
demo up: export PYTHONWARNINGS = ignore::FutureWarning
up: setup       ## Run the local cloud in the foreground (PORT=8080, BRIDGE=address for containers, or none)
	@$(PY) -m local up --port $(PORT) --bridge $(BRIDGE) --follow-clock --parameters JwtRolesClaim=roles PrometheusMetrics=true

down: setup     ## Stop the local cloud of this clone
	@$(PY) -m local down

invoke: setup   ## Run a function against it (EVENT=events/create_campaign.json, FUNCTION=MetaStepFunction)
	@$(PY) -m local invoke $(EVENT) $(if $(FUNCTION),--function $(FUNCTION))

lint: setup     ## Style, types, room doors and the template
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports
	@.venv/bin/cfn-lint --template template.yaml --append-rules cfn_lint_serverless.rules
	@.venv/bin/openapi-spec-validator docs/openapi.json

lint-deploy: setup ## checkov on the transformed template, in an environment of its own
	@sh local/lint_deploy.sh

format: setup   ## Rewrite the code in the house style
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

docs: setup     ## Write the generated parts of README and docs
	@$(PY) -m local.docs

build: setup    ## sam build without Docker, into .aws-sam/
	@sh local/build.sh $(ARCH)

deploy: build   ## Build and deploy (CONFIG of samconfig.toml, PARAMETERS="KillSwitch=true")
	@$(PY) -m local.release --sam .venv-sam/bin/sam --config-env $(CONFIG) Architecture=$(ARCH) $(PARAMETERS)

# The functions run on this machine, so the layers are built for it.
deploy-check: ARCH = $(subst aarch64,arm64,$(shell uname -m))
deploy-check: build ## Deploy twice to a second emulator, with another layer and parameter between
	@sh local/deploy_check.sh

bench: setup    ## Print the benchmark tables
	@$(PY) -m benchmarks $(ARGS)

load: setup     ## Ask 10, 50 and 200 mixed actions at once of a local cloud: latencies, errors, CPU, memory
	@$(PY) -m benchmarks load

lock: setup     ## Resolve requirements.lock and the layers' requirements anew
	@$(PY) -m local.lock
