# fuzz.mk: libFuzzer targets, tests/fuzz/fuzz_<file>.c with the kept corpus in
# tests/fuzz/corpus/<file>/. `make fuzz` runs each for FUZZ_SECONDS; new finds stay in build/.

FUZZ_SECONDS := 5
FUZZ_SRC := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN := $(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%)
# A target that includes a daemon's header is linked with that daemon's files, without main().
fuzz_folders = $(filter $(DAEMONS),$(shell sed -n 's,^\#include "\([a-z-]*\)/.*,\1,p' tests/fuzz/$(1).c))
fuzz_parts = $(foreach d,$(sort $(call fuzz_folders,$(1))),$(filter-out $(BUILD)/obj/$(d)/$(d).o,$(call daemon_obj,$(d))))

$(BUILD)/fuzz/%: tests/fuzz/%.c $(LIB) $$(call fuzz_parts,$$*)
	@mkdir -p $(@D)
	@echo "  FUZZ $*"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -Wno-missing-prototypes $(LDFLAGS) -fsanitize=fuzzer \
	  -o $@ $< $(call fuzz_parts,$*) $(LIB) $(PKG_LIBS)

.PHONY: fuzz fuzz-run
fuzz:
	@$(MAKE) --no-print-directory CC=clang SANITIZE=fuzzer-no-link,address,undefined \
	  VARIANT=fuzz FUZZ_SECONDS=$(FUZZ_SECONDS) fuzz-run

fuzz-run: $(FUZZ_BIN)
	@sh tests/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ_BIN)
