# The environment is made on first use and re-made when the requirements change.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help repro test lint study report notebook cards weights times sample lock cache-info cache-clear clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

$(READY): requirements.txt constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: Aisle needs Python 3.11; there is no $(PYTHON). Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --requirement requirements.txt
	$(BIN)/pip install --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

repro: $(READY) ## run the pipeline; does only what has changed (ends with reports/index.html)
	dvc repro

test: $(READY) ## all tests
	pytest

lint: $(READY) ## style, types, and the pipeline's deps, params and outputs
	ruff check .
	ruff format --check .
	mypy
	python tools/lint_pipeline.py

study: $(READY) ## the pipeline on another catalogue: make study CATALOGUE=folder [MAPPING=file.yaml]
	@test -n "$(CATALOGUE)" || { echo "error: name the catalogue's folder: make study CATALOGUE=folder" >&2; exit 2; }
	python tools/study.py "$(CATALOGUE)" $(if $(MAPPING),--mapping "$(MAPPING)")

report: $(READY) ## only the report and what it needs
	dvc repro report

notebook: $(READY) ## notebooks/study.ipynb, run on the outputs, as reports/notebook.html (works offline)
	jupyter nbconvert --execute --to html notebooks/study.ipynb --output-dir reports --output notebook.html \
		--HTMLExporter.require_js_url= --HTMLExporter.mathjax_url= --HTMLExporter.jquery_url=

cards: $(READY) ## the generated part of docs/data_card.md and docs/model_card.md, from metrics/
	python tools/cards.py

weights: $(READY) ## download every model's official weights, or say which could not be had and the ways out
	python tools/weights.py

times: $(READY) ## how long each stage takes from cold, and how much of it is imports
	python tools/stage_times.py

sample: $(READY) ## make data/sample again (the same bytes)
	python tools/make_sample_catalogue.py

lock: ## pin what requirements.txt brings along, in constraints.txt
	rm -rf build/lock && $(PYTHON) -m venv build/lock
	grep -v '^-c' requirements.txt > build/requirements.txt
	build/lock/bin/pip install --requirement build/requirements.txt
	{ echo '# What requirements.txt brings along, pinned: made by `make lock`, do not edit.'; build/lock/bin/pip freeze; } > constraints.txt

cache-info: $(READY) ## what the per-item cache of encodings holds
	python tools/cache.py info

cache-clear: $(READY) ## empty the per-item cache of encodings
	python tools/cache.py clear

clean: ## remove the environment and caches of tools; outputs and DVC's cache stay
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache
