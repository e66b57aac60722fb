// local_config: the parameters of local(8).
#pragma once
#include "config/param.h"

struct local_config {
    const char *allow_mail_to_commands, *allow_mail_to_files, *prepend_delivered_header;
    const char *command_execution_directory, *command_expansion_filter;
    const char *execution_directory_expansion_filter, *forward_expansion_filter;
    const char *forward_path, *home_mailbox, *mail_spool_directory, *local_command_shell;
    const char *mailbox_command, *mailbox_command_maps;
    const char *mailbox_transport, *mailbox_transport_maps;
    const char *fallback_transport, *fallback_transport_maps, *luser_relay;
    const char *local_delivery_status_filter;
    struct duration command_time_limit;
    long duplicate_filter_limit, mailbox_size_limit;
    bool biff, expand_owner_alias, frozen_delivered_to, require_home_directory;
    bool reset_owner_alias, strict_mailbox_ownership;
};

extern const struct param local_params[];
