// local_config: the parameters of local(8).
#include "local/local_config.h"

#define S struct local_config
#define SAFE_CHARS                                                                         \
    "1234567890!@%-_=+:,./abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

const struct param local_params[] = {
    PARAM_TEXT(S, allow_mail_to_commands, "alias, forward"),
    PARAM_TEXT(S, allow_mail_to_files, "alias, forward"),
    PARAM_TEXT(S, prepend_delivered_header, "command, file, forward"),
    PARAM_RAW(S, command_execution_directory, ""),
    PARAM_TEXT(S, command_expansion_filter, SAFE_CHARS),
    PARAM_TEXT(S, execution_directory_expansion_filter, SAFE_CHARS),
    PARAM_TEXT(S, forward_expansion_filter, SAFE_CHARS),
    PARAM_RAW(S, forward_path,
              "$home/.forward${recipient_delimiter}${extension}, $home/.forward"),
    PARAM_TEXT(S, home_mailbox, ""),
    PARAM_TEXT(S, mail_spool_directory, "/var/mail"),
    PARAM_TEXT(S, local_command_shell, ""),
    PARAM_RAW(S, mailbox_command, ""),
    PARAM_TEXT(S, mailbox_command_maps, ""),
    PARAM_TEXT(S, mailbox_transport, ""),
    PARAM_TEXT(S, mailbox_transport_maps, ""),
    PARAM_TEXT(S, fallback_transport, ""),
    PARAM_TEXT(S, fallback_transport_maps, ""),
    PARAM_RAW(S, luser_relay, ""),
    PARAM_TEXT(S, local_delivery_status_filter, "$default_delivery_status_filter"),
    PARAM_DURATION(S, command_time_limit, "1000s", 's', 1),
    PARAM_INT(S, duplicate_filter_limit, "1000", 0, 0),
    PARAM_INT(S, mailbox_size_limit, "51200000", 0, 0),
    PARAM_BOOL(S, biff, "yes"),
    PARAM_BOOL(S, expand_owner_alias, "no"),
    PARAM_BOOL(S, frozen_delivered_to, "yes"),
    PARAM_BOOL(S, require_home_directory, "no"),
    PARAM_BOOL(S, reset_owner_alias, "no"),
    PARAM_BOOL(S, strict_mailbox_ownership, "yes"),
    PARAM_UNBUILT("sun_mailtool_compatibility", "no"),
    PARAM_END,
};
