# focalbench. `make demo` and `make test` do everything on a fresh machine; `make` alone lists what there is.

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS ?= 2
STORE ?= runs/store
HISTORY ?= runs/history
BASELINE ?= .ci/nightly.json
ACCEPT ?= 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types nightly baseline prune clean

help: ## show this list
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 8

setup: $(STAMP) ## make the environment in .venv (a few minutes once, then nothing)

$(STAMP): pyproject.toml constraints.txt
	@command -v cc >/dev/null || { echo "A C compiler is needed (pesq and webrtcvad are built from source):" \
		"apt-get install gcc libc6-dev python3-dev"; exit 1; }
	@if ! $(BIN)/python -m pip --version >/dev/null 2>&1; then \
		for python in $(PYTHON) python3.11 python3.12 python3.13 python3 none; do \
			$$python -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
		done; \
		if [ $$python = none ]; then echo "No Python 3.11 or newer with venv and ensurepip was found." \
			"Install one (Debian: python3.11 and python3.11-venv) or name it: make setup PYTHON=/path/to/python"; exit 1; fi; \
		echo "== 1 of 4: environment in $(VENV), by $$($$python --version) (10 s)"; \
		rm -rf $(VENV) && $$python -m venv $(VENV); \
	fi
	@echo "== 2 of 4: pip (5 s)"
	$(BIN)/python -m pip install --upgrade pip
	@echo "== 3 of 4: torch, the largest part (200 MB without CUDA; 20 s on a fast line)"
	$(BIN)/python -m pip install -c constraints.txt torch==2.13.0
	@echo "== 4 of 4: focalbench and everything else (600 MB, triton being half of it; 1 to 2 minutes)"
	$(BIN)/python -m pip install -c constraints.txt -e ".[asr,cluster,codecs,dev,hf,lyra,mos,prosody,snac]"
	@touch $(STAMP)
	@echo "== ready: $(BIN)/focalbench"

demo: setup ## run the demo suite and say where its report is
	$(BIN)/focalbench run demo --timing --out runs/demo
	@test -f runs/demo/report.html
	@echo "Report: $(CURDIR)/runs/demo/report.html"

test: setup ## all tests
	$(BIN)/pytest -n $(WORKERS)

lint: setup ## formatting and lint rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup ## mypy, strict
	$(BIN)/mypy

# The exit code is that of the run, else that of the gate: 1 worse, 3 too little measured (docs/ci.md). Make itself says
# "Error 1" or "Error 3" and exits with 2; ACCEPT=3 lets a machine pass that lacks a codec.
nightly: setup ## run the nightly suite, add it to the history, and judge it by the baseline, if there is one
	@mkdir -p runs/nightly; code=0; \
	$(BIN)/focalbench run nightly --out runs/nightly --cache $(STORE) --history $(HISTORY) --workers $(WORKERS) || code=$$?; \
	[ $$code -eq 0 ] || [ $$code -eq 3 ] || exit $$code; \
	$(BIN)/focalbench history $(HISTORY) -o runs/nightly/history.html || exit $$?; \
	if [ -f $(BASELINE) ]; then \
		$(BIN)/focalbench gate runs/nightly --baseline $(BASELINE) --junit runs/nightly/gate.xml \
			--summary "$${GITHUB_STEP_SUMMARY:-runs/nightly/gate.md}"; judged=$$?; \
		[ $$code -ne 0 ] && [ $$judged -ne 1 ] || code=$$judged; \
	else \
		echo "There is no $(BASELINE), so nothing is judged; make baseline writes it."; \
	fi; \
	[ $$code -eq $(ACCEPT) ] || exit $$code

baseline: setup ## make the last nightly run the baseline
	$(BIN)/focalbench baseline runs/nightly -o $(BASELINE)

prune: setup ## make the store of nightly runs small again
	$(BIN)/focalbench cache prune $(STORE) --max-size 2GB

clean: ## remove environment, runs and caches
	rm -rf $(VENV) runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
