# The daemon that the tests of master(8) use: build/<variant>/test/probe*.
PROBE_NAMES := probe-event probe-wake probe-broken

.PHONY: probe
probe: $(BUILD)/test/probe

$(BUILD)/test/probe: tests/probe/probe.c $(LIB)
	@mkdir -p $(@D)
	@echo "  LD probe"
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(PKG_LIBS)
	@for n in $(PROBE_NAMES); do ln -sf probe $(@D)/$$n; done
