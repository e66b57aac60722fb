# install.mk: puts the programs, manuals and samples into place. DESTDIR and prefix are honoured;
# configuration that exists is left alone.

INSTALL := install
D := $(DESTDIR)
AS_ROOT := $(filter 0,$(shell id -u))

.PHONY: install install-programs install-manuals install-config install-users install-queue
install: install-users install-programs install-manuals install-config install-queue

# Accounts belong to the running system, not to a staging tree.
install-users:
ifeq ($(DESTDIR),)
	@sh make/users.sh
endif

install-programs: all
	@$(INSTALL) -d $(D)$(DAEMON_DIR) $(D)$(COMMAND_DIR) $(D)$(BIN_DIR) $(D)$(dir $(LIB_SENDMAIL))
	@for f in $(DAEMON_BIN); do $(INSTALL) -m 755 $$f $(D)$(DAEMON_DIR)/ || exit 1; done
	@for f in $(TOOL_BIN); do $(INSTALL) -m 755 $$f $(D)$(COMMAND_DIR)/ || exit 1; done
	@if [ -e $(BUILD)/libexec/smtp ]; then ln -sf smtp $(D)$(DAEMON_DIR)/lmtp; fi
	@if [ -e $(BUILD)/bin/sendmail ]; then \
	  ln -sf $(COMMAND_DIR)/sendmail $(D)$(BIN_DIR)/mailq; \
	  ln -sf $(COMMAND_DIR)/sendmail $(D)$(BIN_DIR)/newaliases; \
	  ln -sf $(COMMAND_DIR)/sendmail $(D)$(LIB_SENDMAIL); fi
ifneq ($(AS_ROOT),)
	@if getent group postdrop >/dev/null; then \
	  for f in postdrop postqueue postlog; do \
	    if [ -e $(D)$(COMMAND_DIR)/$$f ]; then \
	      chgrp postdrop $(D)$(COMMAND_DIR)/$$f && chmod 2755 $(D)$(COMMAND_DIR)/$$f || exit 1; \
	    fi; done; fi
endif

	@$(INSTALL) -d $(D)$(COMPLETION_DIR)
	@$(INSTALL) -m 644 conf/completion/relais.bash $(D)$(COMPLETION_DIR)/postconf
	@for c in postsuper postqueue postcat postfix qshape; do \
	  ln -sf postconf $(D)$(COMPLETION_DIR)/$$c; done

install-manuals:
	@for s in 1 5 8; do \
	  for f in man/man$$s/*.$$s; do \
	    [ -e $$f ] || continue; \
	    $(INSTALL) -d $(D)$(MAN_DIR)/man$$s; \
	    $(INSTALL) -m 644 $$f $(D)$(MAN_DIR)/man$$s/ || exit 1; done; done

# Only what is missing, so that an upgrade and a takeover keep the administrator's files.
install-config:
	@$(INSTALL) -d $(D)$(CONFIG_DIR) $(D)$(UNIT_DIR) $(D)$(dir $(ALIASES_FILE))
	@[ -e $(D)$(CONFIG_DIR)/main.cf ] || { \
	  sed 's,@ALIASES_FILE@,$(ALIASES_FILE),' conf/main.cf > $(D)$(CONFIG_DIR)/main.cf && \
	  chmod 644 $(D)$(CONFIG_DIR)/main.cf; }
	@[ -e $(D)$(CONFIG_DIR)/master.cf ] || \
	  $(INSTALL) -m 644 conf/master.cf $(D)$(CONFIG_DIR)/master.cf
	@[ -e $(D)$(ALIASES_FILE) ] || $(INSTALL) -m 644 conf/aliases $(D)$(ALIASES_FILE)
	@sed -e 's,@CONFIG_DIR@,$(CONFIG_DIR),' -e 's,@COMMAND_DIR@,$(COMMAND_DIR),' \
	  conf/postfix.service.in > $(D)$(UNIT_DIR)/postfix.service
	@chmod 644 $(D)$(UNIT_DIR)/postfix.service

# The rest of the queue is made by `postfix start`.
install-queue:
	@$(INSTALL) -d -m 755 $(D)$(QUEUE_DIR) $(D)$(dir $(DATA_DIR))
	@[ -d $(D)$(DATA_DIR) ] || $(INSTALL) -d -m 700 $(D)$(DATA_DIR)
ifneq ($(AS_ROOT),)
	@if getent passwd postfix >/dev/null; then chown postfix $(D)$(DATA_DIR); fi
endif
