# Every target makes .venv when it is missing or older than the pins, and is a no-op when it stands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check docs ui clean

$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Nightshift needs Python 3.11 or later; name one: make PYTHON=python3.11")'
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[all,dev]'
	@touch $(READY)

demo: $(READY)  ## three nights of MovieLens-100K with real models, then the proof
	$(BIN)/nightshift demo

check: $(READY)  ## style, types, floors
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check  ## check, then every test
	$(BIN)/pytest -n 2 --dist loadgroup

docs: $(READY)  ## docs/reference from the code
	$(BIN)/python -m jobs.reference

ui: $(READY)  ## Dagster on this code location
	$(BIN)/nightshift ui

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
