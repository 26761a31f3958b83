# Every target makes .venv when it is missing or older than the pins, and is a no-op when it stands.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test check docs site screenshots ui browser clean

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

test: check browser  ## check, then every test
	$(BIN)/pytest -n 2 --dist loadgroup

# Tests that look at pages drive a Chromium. Debian's is installed when there is none and we may; without one they are skipped and say so.
APT := DEBIAN_FRONTEND=noninteractive timeout 600 apt-get -qq
browser:
	@[ -z "$(CHROMIUM)" ] || exit 0; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
	  echo 'No Chromium, and this is not root on a machine with apt-get: tests in a browser will be skipped. Install chromium, or name one in CHROMIUM.'; exit 0; fi; \
	echo 'Installing chromium, which the tests in a browser drive'; \
	{ $(APT) update && $(APT) install -y --no-install-recommends chromium >/dev/null; } || \
	  echo 'apt-get could not install chromium: tests in a browser will be skipped. Install it, or name one in CHROMIUM.'

docs: $(READY)  ## docs/reference from the code
	$(BIN)/python -m jobs.reference

site: docs  ## the pages as a site, in site/index.html; fetches nothing
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo 'site/index.html; with search: $(BIN)/python -m http.server -d site'

screenshots: $(READY) browser  ## docs/images/ui_*.png, from a small world or CONFIG=path/to/nightshift.yaml
	$(BIN)/python -m tests.browser.screenshots $(if $(CONFIG),--config $(CONFIG))

ui: $(READY)  ## Dagster on this code location
	$(BIN)/nightshift ui

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
