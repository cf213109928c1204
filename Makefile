# Start with `make demo` or `make test`. Both install what is missing.
VENV := .venv
PYTHON ?= python3
PYTEST_ARGS ?=

.PHONY: setup compiled demo test judges lint format docs screenshots share wheel deb container bench fuzz faults faults-all clean

setup: $(VENV)/.test

# .run: what reseal needs; .test: also what the tests need; .docs: what builds the documentation.
$(VENV)/.run $(VENV)/.test $(VENV)/.docs: pyproject.toml constraints.txt tools/setup.sh
	PYTHON=$(PYTHON) VENV=$(VENV) sh tools/setup.sh $(patsubst .%,%,$(notdir $@))
	touch $@

demo: $(VENV)/.run
	$(VENV)/bin/python tools/demo.py

test: setup compiled
	$(VENV)/bin/python -m pytest $(PYTEST_ARGS)

# The tests start reseal thousands of times. Where PYTHONDONTWRITEBYTECODE is set, each start would compile it.
compiled: setup
	$(VENV)/bin/python -m compileall -q src

# Every sample in every mode and format, judged by other people's readers, in less than 10 minutes.
judges: setup compiled
	RESEAL_JUDGES=1 $(VENV)/bin/python -m pytest -m judges $(PYTEST_ARGS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-cache
	$(VENV)/bin/python -m tools.dead_code

format: setup
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

# Written to `site`; the reference is generated from the source.
docs: $(VENV)/.run $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet

# Pictures of the report in `artifacts`: light, dark, phone, paper.
screenshots: setup
	RESEAL_ARTEFACTS=$(CURDIR)/artifacts $(VENV)/bin/python -m pytest -n0 tests/report/test_page.py -k screenshots

# Files that a package installs below /usr/share: man pages, and completions for bash, zsh and fish.
share: setup
	$(VENV)/bin/python -m tools.man build/share

# The wheel and the source archive, in `dist`.
wheel: setup
	$(VENV)/bin/python -m build --outdir dist
	$(VENV)/bin/twine check --strict dist/*.whl dist/*.tar.gz

# The Debian package, in `dist`.
deb:
	sh tools/setup.sh deb
	sh tools/deb.sh dist

# The container, on a base made by debootstrap: needs root, buildah and debootstrap.
container:
	sh tools/container.sh

bench: setup
	$(VENV)/bin/python -m bench

# Seconds for each of the coverage-guided fuzzers.
FUZZ_SECONDS ?= 60
fuzz: setup
	for target in "regf hive" "regf replay" "regf reg" inf; do \
		$(VENV)/bin/python -m tests.fuzz.$$target -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done
	$(VENV)/bin/python -m tests.fuzz $(FUZZ_SECONDS)
	RESEAL_FUZZ=2000 RESEAL_EXAMPLES=3000 $(VENV)/bin/python -m pytest -n0 \
		tests/ntfs/test_fuzz.py tests/regf/test_random_edits.py

# A sample of faults at calls that change files, and of losses of power, in 15 minutes; it prints its seed.
faults: setup
	$(VENV)/bin/python -m tests.faults

# Every fault at every point, and kills at random moments. Stopped, it goes on where it was.
FAULTS_RECORD ?= build/faults.jsonl
faults-all: setup
	mkdir -p $(dir $(FAULTS_RECORD))
	$(VENV)/bin/python -m tests.faults --all $(FAULTS_RECORD)
	RESEAL_KILLS=50 $(VENV)/bin/python -m pytest tests/end_to_end/test_killed.py \
		tests/end_to_end/test_folder.py tests/disk/test_resume.py tests/bitlocker/test_killed.py

clean:
	rm -rf $(VENV) demo build dist site artifacts
