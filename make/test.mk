# test.mk: the test targets beyond `check`.

PYTHON := /usr/bin/python3

.PHONY: packages test-packages e2e lint test demo run bench
packages:
	@sh make/packages.sh build
	@sh make/users.sh
test-packages:
	@sh make/packages.sh build test
	@sh make/users.sh

e2e: all
	@BUILD=$(BUILD) $(PYTHON) -m pytest -q -p no:cacheprovider tests/e2e $(E2E_ARGS)

lint: all
	@$(PYTHON) tests/lint/layers.py
	@BUILD=$(BUILD) $(PYTHON) tests/lint/params.py
	@sh tests/lint/manuals.sh
	@CC="$(CC)" CPPFLAGS="$(CPPFLAGS)" CFLAGS="$(CFLAGS)" sh tests/lint/pedantic.sh

# Everything bounded, from a fresh machine: installs what it needs, builds, runs.
test: test-packages
	@$(MAKE) --no-print-directory -j2 all
	@$(PYTHON) tests/run.py

demo: packages
	@$(MAKE) --no-print-directory -s -j2 all
	@BUILD=$(BUILD) $(PYTHON) tests/lib/demo.py

run: packages
	@$(MAKE) --no-print-directory -s -j2 all
	@BUILD=$(BUILD) $(PYTHON) tests/lib/demo.py --stay

bench: all
	@$(PYTHON) tests/bench/relay.py $(BENCH_ARGS)
	@$(PYTHON) tests/bench/relay.py --fresh $(BENCH_ARGS)
