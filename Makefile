# Python 3.11 or newer, make and git are all that is needed; uv is used where present.
# Under every target stand ordinary commands that can be run one by one (docs/running.md).

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# How many tests run side by side. Of `make test` half as many again as there are cores, as a third of
# its time goes by waiting, for browsers and servers; of `make hours`, which waits for nothing, `auto`.
WORKERS ?=
MORE_THAN_CORES = $(shell getconf _NPROCESSORS_ONLN | awk '{ print int(($$1 * 3 + 1) / 2) }')
# Of `make hours`: `all` runs at every moment also races and tests that only ask what time it is.
HOURS ?=

PY = $(VENV)/bin/python
INSTALL = @VENV=$(VENV) $(PYTHON) launcher/install.py
CODE = booking bulk config database dataio eligibility events launcher messaging outside privacy queue recovery rehearsal reports staff standing statements tests vaccination web

help: ## list what make can do
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "  make %-10s %s\n", $$1, $$2}'

run: ## start the portal at http://localhost:8000 (PORT=, JARI_HOME=), until Ctrl-C
	$(INSTALL) run
	@exec $(PY) -m launcher run

cluster: ## the portal on many hosts, played on this one (ARGS=--status: who leads there)
	$(INSTALL) test
	@exec $(PY) -m launcher cluster $(ARGS)

test: ## run the tests (ARGS="tests/booking -k hold" for some of them)
	$(INSTALL) test
	@exec $(PY) -m launcher test -- -n $(or $(WORKERS),$(MORE_THAN_CORES)) --dist worksteal $(ARGS)

hours: ## run the tests that go by a clock at four moments, under shifted clocks (ARGS=, HOURS=all)
	$(INSTALL) test
	@exec $(PY) -m launcher hours -- -n $(or $(WORKERS),auto) $(if $(filter all,$(HOURS)),--everywhere) $(ARGS)

rehearse: ## play an evening against the portal that make run started (ARGS="--scenario trial", ARGS=--list)
	$(INSTALL) test
	@$(PY) manage.py rehearse $(ARGS)

bench: ## measure what docs/performance.md shows (ARGS="--only joins,bookings", --list, --quick, --write)
	$(INSTALL) test
	@exec $(PY) -m bench $(ARGS)

attack: ## slow, silent and greedy connections against a portal of its own (ARGS="--only pipelining")
	$(INSTALL) test
	@exec $(PY) -m bench.attack $(ARGS)

chaos: ## faults in a cluster of its own, with a crowd on it (ARGS="--only primary,web --write")
	$(INSTALL) test
	@exec $(PY) -m bench.chaos $(ARGS)

fmt: ## format the code
	$(INSTALL) test
	@$(PY) -m ruff check --select I --fix --quiet .
	@$(PY) -m ruff format .
	@$(VENV)/bin/djangofmt --quiet templates

lint: ## check style, types, layers, and that models and migrations agree
	$(INSTALL) test
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/djangofmt --check templates
	@$(PY) -m launcher services -- sh -c '$(PY) -m mypy $(CODE) & \
		PYTHONPATH=.:queue $(VENV)/bin/lint-imports && $(PY) manage.py makemigrations --check --dry-run && \
		$(PY) -m launcher.migrations; others=$$?; wait $$! && exit $$others'

messages: ## collect the texts to translate, and compile the translations
	$(INSTALL) test
	@$(PY) -m launcher services -- $(PY) -m launcher.texts

lock: ## choose the newest packages that pyproject.toml allows, and lock them (needs uv)
	@$(PYTHON) launcher/lock.py $(ARGS)

clean: ## remove .venv, caches and compiled files; var/ with its data stays
	@rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache htmlcov
	@rm -rf .coverage staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.DEFAULT_GOAL := help
.PHONY: help run cluster test hours rehearse bench attack chaos fmt lint messages lock clean
