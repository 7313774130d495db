# Every target makes what it needs; nothing but Python (3.11 or newer) and make is presumed.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

# The benchmarks that every change must pass; `make bench` runs all of them, in a quarter of an hour.
# Every single setting gives the same report in tests/e2e/test_flags.py, sooner.
WATCHED := $(addprefix tests/benchmarks/test_,autointel_performance.py crew_overhead.py startup.py)

.PHONY: help demo test check bench bench-baseline soak docs format lock train-env clean

help:  ## Show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(READY)  ## Make a briefing of the sample debate
	@PATH="$(CURDIR)/$(BIN):$$PATH" ./scripts/demo.sh

test: $(READY)  ## Run all tests
	$(BIN)/pytest -n auto --dist loadgroup -m "not benchmark"
	$(BIN)/pytest $(WATCHED) -k "not every_setting"

check: $(READY)  ## Check format, style, types, layers and generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/generate.py --check

bench: $(READY)  ## Run the benchmarks and write docs/analysis/performance_report.md
	$(BIN)/pytest tests/benchmarks -s --record

bench-baseline: $(READY)  ## The same, and compare later ratios with these
	$(BIN)/pytest tests/benchmarks -s --record --new-baseline

soak: $(READY)  ## Half an hour of everything at once, with processes killed at random
	$(BIN)/python scripts/soak.py --minutes 30 --report docs/analysis/soak.md

docs: $(READY)  ## Rewrite every generated file
	$(BIN)/python scripts/generate.py

format: $(READY)  ## Format the code and apply safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(READY)  ## Rewrite requirements/ from pyproject.toml
	PATH="$(CURDIR)/$(BIN):$$PATH" ./scripts/lock.sh

train-env: $(READY)  ## Add what the scripts that rebuild weights need
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/train.txt

clean:  ## Remove everything that was made here
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks demo-report

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@echo "Installing into .venv; the first time takes a minute or two."
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements/dev.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@
