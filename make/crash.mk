# crash.mk: what power cuts and kills leave behind (tests/crash). `make crash` explores thousands
# of states of the disk and kills 100 processes under load; FULL=1 explores all states, QUICK=1
# is the part that `make test` runs.

.PHONY: crash
crash: all
	@BUILD=$(BUILD) /usr/bin/python3 tests/crash/power_cut.py $(if $(FULL),--full) $(if $(QUICK),--limit 1200)
	@BUILD=$(BUILD) /usr/bin/python3 tests/crash/kills.py $(if $(QUICK),--messages 1500 --kills 25)
