# Two commands do everything: `make demo` and `make test`. Both create .venv if need be.
PYTHON ?= python3.11
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: demo test test-slow check schema picture clean

demo: $(STAMP)
	$(BIN)/hwsubnet sweep --preset digits --out runs/digits

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m slow

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt --group dev -e .
	touch $@

clean:
	rm -rf .venv runs

schema: $(STAMP)
	$(BIN)/python -c 'import json; from hwsubnet.boards import board_schema; print(json.dumps(board_schema(), indent=2))' > boards/board.schema.json

# The README's picture: the report of a real run, photographed by Chromium.
REPORT ?= runs/fashion-cnv/report.html
picture: $(STAMP)
	$(BIN)/python docs/screenshot.py $(REPORT)
