# Makefile: builds, tests and installs Relais. Sources are found by wildcard: a new file needs
# no edit here. All output goes to build/<variant>/.
#
#   make            build everything             make check   unit tests (seconds)
#   make demo       a private instance at work   make test    all bounded tests
#   make install    DESTDIR and prefix honoured  make lint    layers, parameters, manual
#   make deb        Debian packages in build/deb

MAKEFLAGS += --no-builtin-rules
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 3.11.0-relais-0.1.0

# ---- variant -------------------------------------------------------------------------------
CC := gcc
SANITIZE :=
ifeq ($(SANITIZE),)
VARIANT ?= release
OPT_FLAGS := -O2 -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection
LINK_FLAGS := -Wl,-z,relro,-z,now
else
VARIANT ?= sanitize
OPT_FLAGS := -O1 -fno-omit-frame-pointer -fsanitize=$(SANITIZE) -fno-sanitize-recover=undefined
LINK_FLAGS := -fsanitize=$(SANITIZE)
endif
BUILD := build/$(VARIANT)

# ---- places, as Debian has them; prefix=/opt/x gives a self-contained tree -----------------------
prefix :=
DESTDIR :=
ifeq ($(prefix),)
CONFIG_DIR := /etc/postfix
QUEUE_DIR := /var/spool/postfix
DATA_DIR := /var/lib/postfix
DAEMON_DIR := /usr/lib/postfix/sbin
COMMAND_DIR := /usr/sbin
BIN_DIR := /usr/bin
MAN_DIR := /usr/share/man
LIB_SENDMAIL := /usr/lib/sendmail
UNIT_DIR := /lib/systemd/system
COMPLETION_DIR := /usr/share/bash-completion/completions
ALIASES_FILE := /etc/aliases
else
CONFIG_DIR := $(prefix)/etc/postfix
QUEUE_DIR := $(prefix)/var/spool/postfix
DATA_DIR := $(prefix)/var/lib/postfix
DAEMON_DIR := $(prefix)/lib/postfix/sbin
COMMAND_DIR := $(prefix)/sbin
BIN_DIR := $(prefix)/bin
MAN_DIR := $(prefix)/share/man
LIB_SENDMAIL := $(prefix)/lib/sendmail
UNIT_DIR := $(prefix)/lib/systemd/system
COMPLETION_DIR := $(prefix)/share/bash-completion/completions
ALIASES_FILE := $(prefix)/etc/aliases
endif

# ---- libraries -----------------------------------------------------------------------------
PACKAGES := libpcre2-8 libevent_core libcrypto libseccomp libsystemd libidn2 jansson
PKG_CONFIG := pkg-config
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PACKAGES) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PACKAGES) 2>/dev/null) -lunistring -ldb -lresolv -lm
EXPLORE_LIBS := $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

WARN_FLAGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wvla -Werror=implicit-function-declaration
CPPFLAGS := -Isrc -I$(BUILD) -D_GNU_SOURCE $(PKG_CFLAGS)
CFLAGS := -std=gnu17 -g $(OPT_FLAGS) $(WARN_FLAGS) -fPIE -ffunction-sections -fdata-sections
LDFLAGS := -pie -Wl,--gc-sections -Wl,--as-needed $(LINK_FLAGS)

# ---- sources -------------------------------------------------------------------------------
LAYERS := util config ipc dns tls table mail proto service
DAEMONS := $(filter-out $(LAYERS) tools,$(notdir $(patsubst %/,%,$(wildcard src/*/))))
LIB_SRC := $(foreach l,$(LAYERS),$(wildcard src/$(l)/*.c))
LIB_OBJ := $(LIB_SRC:src/%.c=$(BUILD)/obj/%.o)
LIB := $(BUILD)/librelais.a
# Each program's parameters, which postconf lists.
CONFIG_SRC := $(foreach d,$(DAEMONS),$(wildcard src/$(d)/*_config.c)) $(wildcard src/tools/*_config.c)
CONFIG_OBJ := $(CONFIG_SRC:src/%.c=$(BUILD)/obj/%.o)
# A tool's main file has no '_' in its name; NAME_part.c belongs to NAME.c.
TOOL_SRC := $(wildcard src/tools/*.c)
TOOLS := $(foreach s,$(notdir $(TOOL_SRC:.c=)),$(if $(findstring _,$(s)),,$(s)))

daemon_obj = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(wildcard src/$(1)/*.c))
tool_obj = $(patsubst src/%.c,$(BUILD)/obj/%.o,src/tools/$(1).c $(wildcard src/tools/$(1)_*.c))

DAEMON_BIN := $(foreach d,$(DAEMONS),$(if $(wildcard src/$(d)/*.c),$(BUILD)/libexec/$(d)))
TOOL_BIN := $(TOOLS:%=$(BUILD)/bin/%)
LINKS := $(if $(wildcard src/smtp/smtp.c),$(BUILD)/libexec/lmtp) \
	$(if $(wildcard src/tools/sendmail.c),$(BUILD)/bin/mailq $(BUILD)/bin/newaliases)

.PHONY: all
all: $(DAEMON_BIN) $(TOOL_BIN) $(LINKS)

# Looked at each time, for `prefix` may be another one than last time.
.PHONY: FORCE
$(BUILD)/paths.h: Makefile FORCE
	@mkdir -p $(@D)
	@{ echo '// paths: built-in places, written by the Makefile.'; echo '#pragma once'; \
	for pair in CONFIG_DIR=$(CONFIG_DIR) QUEUE_DIR=$(QUEUE_DIR) DATA_DIR=$(DATA_DIR) \
	  DAEMON_DIR=$(DAEMON_DIR) COMMAND_DIR=$(COMMAND_DIR) BIN_DIR=$(BIN_DIR) \
	  ALIASES_FILE=$(ALIASES_FILE) MAIL_VERSION=$(VERSION); do \
	  echo "#define RELAIS_$${pair%%=*} \"$${pair#*=}\""; done; } > $@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

# Every declared parameter table, for postconf.
PARAM_SRC := $(CONFIG_SRC) $(wildcard src/config/*_config.c src/tools/*_config.c)
$(BUILD)/all_params.h: $(PARAM_SRC) Makefile
	@mkdir -p $(@D)
	@{ echo '// all_params: the parameter tables of all programs, collected by the Makefile.'; \
	echo '#pragma once'; echo '#include "config/param.h"'; \
	names=$$(sed -n 's/^const struct param \([a-z0-9_]*\)\[\] = {.*/\1/p' $(PARAM_SRC)); \
	for n in $$names; do echo "extern const struct param $$n[];"; done; \
	echo 'static const struct param *const all_params[] = {'; \
	for n in $$names; do echo "    $$n,"; done; echo '    NULL,'; echo '};'; } > $@

$(BUILD)/obj/%.o: src/%.c | $(BUILD)/paths.h $(BUILD)/all_params.h
	@mkdir -p $(@D)
	@echo "  CC $<"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(LIB): $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^

define daemon_rule
$(BUILD)/libexec/$(1): $(call daemon_obj,$(1)) $(LIB)
	@mkdir -p $$(@D)
	@echo "  LD $(1)"
	@$(CC) $(LDFLAGS) -o $$@ $(call daemon_obj,$(1)) $(LIB) $(PKG_LIBS)
endef
$(foreach d,$(DAEMONS),$(eval $(call daemon_rule,$(d))))

# postconf knows every program's parameters.
tool_extra_postconf := $(CONFIG_OBJ)
define tool_rule
$(BUILD)/bin/$(1): $(call tool_obj,$(1)) $(tool_extra_$(1)) $(LIB)
	@mkdir -p $$(@D)
	@echo "  LD $(1)"
	@$(CC) $(LDFLAGS) -o $$@ $(call tool_obj,$(1)) $(tool_extra_$(1)) $(LIB) $(PKG_LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

$(BUILD)/libexec/lmtp: $(BUILD)/libexec/smtp
	@ln -sf smtp $@
$(BUILD)/bin/mailq $(BUILD)/bin/newaliases: $(BUILD)/bin/sendmail
	@ln -sf sendmail $@

# ---- unit tests: one program for each tests/unit/<folder>/test_<file>.c ----------------------------
UNIT_SRC := $(wildcard tests/unit/*/test_*.c)
UNIT_BIN := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)
# A daemon's own files, without the one that holds main().
unit_parts = $(if $(filter $(1),$(DAEMONS)),$(filter-out $(BUILD)/obj/$(1)/$(1).o,$(call daemon_obj,$(1))))

.SECONDEXPANSION:
$(BUILD)/unit/%: tests/unit/%.c $(LIB) $$(call unit_parts,$$(firstword $$(subst /, ,$$*)))
	@mkdir -p $(@D)
	@echo "  TEST $*"
	@$(CC) $(CPPFLAGS) -Itests/unit $(CFLAGS) $(LDFLAGS) -MMD -MP -o $@ $< \
	  $(call unit_parts,$(firstword $(subst /, ,$*))) $(LIB) $(EXPLORE_LIBS) $(PKG_LIBS)

.PHONY: check
check: $(UNIT_BIN)
	@/usr/bin/env BUILD=$(BUILD) sh tests/unit/run.sh $(UNIT_BIN)

.PHONY: clean
clean:
	rm -rf build

.PHONY: map
map:
	@for f in $$(find src -name '*.[ch]' | sort); do printf '%-40s %s\n' $$f "$$(sed -n '1s,^// ,,p' $$f)"; done

.PHONY: format
format:
	clang-format -i $$(find src tests -name '*.[ch]')

include $(wildcard make/*.mk)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
