# Two commands do everything: `make demo` and `make test`. Both create .venv if need be.

# The first of these that is at least 3.11; the pins are tested with 3.11.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
BIN := .venv/bin
STAMP := .venv/.installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test test-slow check lock schema picture clean

demo: $(STAMP)
	$(BIN)/hwsubnet sweep --preset digits --out runs/digits

# Tests of one file stay in one process, so that what they share is made once.
test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow --timeout 7200

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "hwsubnet needs Python 3.11 or newer: make PYTHON=/path/to/it" >&2; exit 1; }
	@echo "Installing hwsubnet into .venv with $(PYTHON): some minutes and 6 GB"
	@$(PYTHON) -m venv .venv
	@$(PIP) install --constraint constraints.txt pip
	@$(PIP) install --constraint constraints.txt --build-constraint constraints.txt --group dev --editable .
	@touch $@

# New pins: everything at its newest that pyproject.toml allows, in a new environment.
lock:
	rm -rf .venv
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade pip
	$(PIP) install --group dev --editable .
	{ echo "# Exact versions of everything, as tested; written by \`make lock\`."; \
	  $(PIP) freeze --all --exclude-editable --exclude setuptools; } > constraints.txt
	touch $(STAMP)

schema: $(STAMP)
	$(BIN)/python -c 'import json; from hwsubnet.boards import board_schema; print(json.dumps(board_schema(), indent=2))' > boards/board.schema.json

# The README's picture: the report of a real run, photographed by Chromium.
REPORT ?= runs/fashion-cnv/report.html
picture: $(STAMP)
	$(BIN)/python docs/screenshot.py $(REPORT)

clean:
	rm -rf .venv runs
