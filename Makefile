# The environment is made on first use and re-made when the requirements change.
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help repro test lint study report notebook cards weights times bench merge-lock labels retrain demo sample lock cache-info cache-clear clean

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 13

$(READY): requirements.txt constraints.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: Aisle needs Python 3.11; there is no $(PYTHON). Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --requirement requirements.txt
	$(BIN)/pip install --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	@touch $@

repro: $(READY) ## run the pipeline; does only what has changed (ends with reports/index.html and the answer)
	@python tools/repro.py

test: $(READY) ## all tests, a process for each core; one file's tests stay in one, so that it prepares once
	pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

lint: $(READY) ## style, types, and the pipeline's deps, params and outputs
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	python tools/lint_pipeline.py
	python tools/tree.py --check

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

weights: $(READY) ## download every model's official weights, or say which could not be had; ACCEPT=1: those without a digest too
	python tools/weights.py $(if $(ACCEPT),--accept-unknown)

times: $(READY) ## how long each stage takes from cold, and how much of it is imports
	python tools/stage_times.py

bench: $(READY) ## the pipeline from cold, a no-op and a variant: OLD (89f9e67) against the last commit
	python tools/bench_repro.py $(if $(OLD),--old "$(OLD)")

tree: $(READY) ## the tree of the repository in README.md, from the modules' docstrings
	python tools/tree.py

merge-lock: $(READY) ## in a merge: end the conflicts in dvc.lock, metrics/, data/code/, and run what fits neither side
	python tools/merge_lock.py

labels: $(READY) ## write what people said in the service's review into data/labels.csv (DATABASE=url)
	python -m aisle.service.labels $(if $(DATABASE),--database "$(DATABASE)")

retrain: $(READY) ## a candidate that learns from new labels and products, judged by the gates (then tools/retrain.py --merge)
	python tools/retrain.py

demo: $(READY) ## the whole loop in some minutes: service, stream, drift, review, retraining, swap, experiments
	python tools/demo.py

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
