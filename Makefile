# Everything that these targets need, but Python 3.11 or newer, they set up themselves in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The peers that are measured pin other versions of what we depend on.
PEERS := .venv-bench

.DEFAULT_GOAL := help
.PHONY: help setup demo test scenarios worlds faults soak cel-differential cel-conformance bench bench-fold bench-pipeline bench-growth bench-restart bench-conditions bench-simulate lock clean

help: ## Show what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# $(1): lock file, $(2): environment. uv where it is installed, plain pip where not; both check the hashes.
define install
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed: make $@ PYTHON=/path/to/python3.11" >&2; exit 2; }
	@test -x $(2)/bin/python || $(PYTHON) -m venv $(2)
	@echo "Installing $(1) into $(2) ..."
	@if command -v uv >/dev/null 2>&1; then \
	  VIRTUAL_ENV=$(CURDIR)/$(2) uv pip install -q --require-hashes -r $(1); \
	else \
	  $(2)/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r $(1); \
	fi
endef

define install_command
	@echo 'import sys; sys.path.insert(0, "$(CURDIR)")' > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/throughline-checkout.pth"
	@printf '#!/bin/sh\nexec "%s" -m pipeline.cli "$$@"\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/throughline && chmod +x $(BIN)/throughline
endef

$(VENV)/.installed: requirements.lock
	$(call install,requirements.lock,$(VENV))
	$(call install_command)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock
	$(call install,requirements-dev.lock,$(VENV))
	$(call install_command)
	@touch $@ $(VENV)/.installed

$(PEERS)/.installed: benchmarks/requirements.lock
	$(call install,benchmarks/requirements.lock,$(PEERS))
	@touch $@

setup: $(VENV)/.installed ## Install into .venv; `.venv/bin/throughline` is the command.

demo: $(VENV)/.installed ## Play the wrong-size shirt live on a real broker.
	@$(BIN)/throughline demo $(ARGS)

test: $(VENV)/.installed-dev ## Lint, types, unit, property, scenario and integration tests.
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest -q $(ARGS)

scenarios: $(VENV)/.installed-dev ## Play every scenario file in memory and on the broker; print a table.
	@$(BIN)/python -m pipeline.local.scenarios $(ARGS)

worlds: $(VENV)/.installed-dev ## Play 100 random worlds of people and devices; print precision and recall of joining.
	@$(BIN)/python -m tests.worlds $(ARGS)

faults: $(VENV)/.installed-dev ## Break a pipeline under load in every way; compare with an oracle; write a report.
	@$(BIN)/python -m tests.faults $(ARGS)

soak: $(VENV)/.installed-dev ## Ten minutes at 70 % load: does memory stay flat?
	@$(BIN)/python -m tests.faults.soak $(ARGS)

cel-differential: $(VENV)/.installed-dev ## Compare 24,000 conditions with two CEL libraries; write a report.
	@$(BIN)/python -m tests.conditions differential $(ARGS)

cel-conformance: $(VENV)/.installed-dev ## Run CEL's public conformance cases: CEL_SPEC=path/to/cel-spec; write a report.
	@$(BIN)/python -m tests.conditions conformance "$(CEL_SPEC)" $(ARGS)

bench: bench-fold bench-pipeline bench-growth bench-restart bench-conditions bench-simulate ## Measure everything: about an hour on a quiet machine.

bench-fold: $(VENV)/.installed-dev ## Measure one worker against its peers on the same work.
	-@$(MAKE) --no-print-directory $(PEERS)/.installed  # peers that cannot be installed are reported as such
	@$(BIN)/python -m benchmarks.fold $(ARGS)

bench-pipeline: $(VENV)/.installed-dev ## Measure the whole pipeline: events a second, and event to command.
	@$(BIN)/python -m benchmarks.pipeline $(ARGS)

bench-growth: $(VENV)/.installed-dev ## Measure what an event costs with more strategies, customers, history, workers.
	@$(BIN)/python -m benchmarks.growth $(ARGS)

bench-restart: $(VENV)/.installed-dev ## Measure how soon a worker with many customers is ready.
	@$(BIN)/python -m benchmarks.restart $(ARGS)

bench-conditions: $(VENV)/.installed-dev ## Measure conditions beside the Rust binding of CEL and celpy.
	@$(BIN)/python -m benchmarks.conditions $(ARGS)

bench-simulate: $(VENV)/.installed-dev ## Measure how fast drafts are simulated on a recording.
	@$(BIN)/python -m benchmarks.simulate $(ARGS)

lock: ## Write the lock files anew (needs uv).
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-build -q --no-header -o requirements.lock
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes --no-build -q --no-header -c requirements.lock -o requirements-dev.lock
	uv pip compile benchmarks/requirements.in --universal --python-version 3.11 --generate-hashes --no-build -q --no-header -o benchmarks/requirements.lock

clean: ## Remove .venv, caches and local state; the cached broker stays.
	rm -rf $(VENV) $(PEERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache state
