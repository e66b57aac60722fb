# test.mk: the test targets beyond `check`.

PYTHON := /usr/bin/python3

.PHONY: packages test-packages e2e lint test demo run bench
packages:
	@sh make/packages.sh build
	@sh make/users.sh
test-packages:
	@sh make/packages.sh build test
	@sh make/users.sh

# E2E_ARGS: what pytest takes, files included.
E2E_ARGS := tests/e2e
e2e: all probe
	@BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider $(E2E_ARGS)

lint: all
	@$(PYTHON) tests/lint/layers.py
	@BUILD=$(BUILD) $(PYTHON) tests/lint/params.py
	@sh tests/lint/manuals.sh
	@CC="$(CC)" CPPFLAGS="$(CPPFLAGS)" CFLAGS="$(CFLAGS)" sh tests/lint/pedantic.sh

# Everything bounded, from a fresh machine: installs what it needs, builds, runs.
test: test-packages
	@$(MAKE) --no-print-directory -j2 all probe
	@$(PYTHON) tests/run.py

demo: packages
	@$(MAKE) --no-print-directory -s -j2 all
	@BUILD=$(BUILD) $(PYTHON) tests/lib/demo.py

run: packages
	@$(MAKE) --no-print-directory -s -j2 all
	@BUILD=$(BUILD) $(PYTHON) tests/lib/demo.py --stay

bench: all
	@BUILD=$(BUILD) $(PYTHON) tests/bench/run.py $(BENCH_ARGS)

# Sameness with Debian's Postfix: against the recordings; LIVE=1 against Postfix itself (root, apt);
# RECORD=1 renews the recordings. COMPAT_ARGS chooses scenarios by parts of their names.
.PHONY: compat
compat: all
	@BUILD=$(BUILD) $(PYTHON) tests/compat/compat.py $(if $(RECORD),--record,$(if $(LIVE),--live)) $(COMPAT_ARGS)
