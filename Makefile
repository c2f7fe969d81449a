# Needs Python 3.11, git and make; everything else is installed into .venv from hash-pinned requirements.
SHELL := /bin/sh
PORT ?= 8000
SECONDS ?= 60
PY := .venv/bin/python
export PORT
# The settings must load for the types of models to be known; nothing is connected to.
CHECKED := READ_ENV_FILES=0 LOCAL=1 SECRET_KEY=none DATABASE_URL=postgres://none/none REDIS_URL=redis://none \
	FIELD_ENCRYPTION_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
STRICT := $(wildcard billing api providers accounts/services* accounts/queries* webhooks/services* \
	webhooks/queries* activations/services* activations/queries* activations/rental_queries* portal)

.PHONY: run test lint bench bank lock clean browser help
.DELETE_ON_ERROR:

help: ## show this list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

.venv/.embedded: requirements/embedded.txt requirements/uv.txt
	@sh requirements/install.sh embedded

.venv/.test: requirements/test.txt requirements/uv.txt
	@sh requirements/install.sh test

.venv/.dev: requirements/dev.txt requirements/uv.txt
	@sh requirements/install.sh dev

run: .venv/.embedded ## start the whole portal on http://localhost:$(PORT)
	@exec $(PY) -m portal.embedded run

browser: .venv/.test
	@$(PY) -m portal.embedded browser

test: .venv/.test browser ## run every test in parallel, real browser included
	@$(PY) -m pytest -n $${TEST_WORKERS:-auto} --dist loadgroup $(ARGS)

lint: .venv/.dev ## style, types and common security slips
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(CHECKED) $(PY) -m mypy $(STRICT)
	@$(PY) -m bandit -q -ll -c pyproject.toml -r portal accounts webhooks billing providers activations api

bench: .venv/.test ## measure every hot path against its yardstick
	@$(PY) -m tests.bench $(ARGS)

bank: .venv/.test ## buyers against killed workers and lost replies for SECONDS, then compare the books
	@$(PY) -m tests.bank --seconds $(SECONDS) $(ARGS)

lock: ## compile requirements/*.txt from pyproject.toml
	@sh requirements/lock.sh

clean: ## remove everything that can be made again, the demo too
	@[ ! -x $(PY) ] || $(PY) -m portal.embedded clean
	rm -rf .venv .state .mypy_cache .ruff_cache .pytest_cache .hypothesis staticfiles
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
