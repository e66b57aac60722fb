// mail_config: the parameters that several programs use, declared once for all.
#pragma once
#include "config/param.h"

struct mail_config {
    // Places.
    const char *config_directory; // where main.cf was read from; not a row's default
    const char *queue_directory, *data_directory, *daemon_directory, *command_directory;
    const char *meta_directory, *shlib_directory, *process_id_directory;
    const char *mailq_path, *newaliases_path, *sendmail_path;
    const char *html_directory, *manpage_directory, *readme_directory, *sample_directory;
    const char *import_environment, *export_environment, *alternate_config_directories;
    const char *multi_instance_name, *multi_instance_directories;

    // Who we are.
    const char *compatibility_level, *mail_name, *mail_version, *mail_release_date;
    const char *myhostname, *mydomain, *myorigin;
    const char *mynetworks, *mynetworks_style;
    const char *inet_interfaces, *inet_protocols, *proxy_interfaces;
    const char *mail_owner, *setgid_group, *default_privs;

    // The log.
    const char *syslog_facility, *syslog_name, *postlog_service_name;
    const char *maillog_file, *maillog_file_prefixes, *maillog_file_compressor;
    const char *maillog_file_rotate_suffix, *maillog_file_permissions;
    const char *info_log_address_format;
    long delay_logging_resolution_limit;

    // Services of our own, by the name they have in master.cf.
    const char *cleanup_service_name, *rewrite_service_name, *queue_service_name;
    const char *bounce_service_name, *defer_service_name, *trace_service_name;
    const char *pickup_service_name, *showq_service_name, *flush_service_name;
    const char *error_service_name;
    struct duration ipc_timeout, ipc_idle, trigger_timeout;
    struct duration daemon_timeout, max_idle;
    long max_use, default_process_limit;

    // The queue and its messages.
    const char *hash_queue_names;
    long hash_queue_depth;
    bool enable_long_queue_ids, soft_bounce, enable_original_recipient;
    long message_size_limit, line_length_limit, header_size_limit, hopcount_limit;
    long header_address_token_limit;
    struct duration delay_warning_time;
    const char *double_bounce_sender, *empty_address_recipient, *notify_classes;
    const char *internal_mail_filter_classes, *smtputf8_autodetect_classes;
    const char *default_delivery_status_filter, *default_verp_delimiters;
    bool smtputf8_enable, strict_smtputf8, backwards_bounce_logfile_compatibility;
    bool disable_mime_input_processing, disable_verp_bounces;

    // Address classes and where mail goes; read by trivial-rewrite's engine (mail/resolve),
    // smtpd, cleanup and qmgr.
    const char *mydestination, *relay_domains, *virtual_alias_domains,
        *virtual_mailbox_domains;
    const char *virtual_alias_maps, *virtual_mailbox_maps, *canonical_maps, *relocated_maps;
    const char *alias_maps, *alias_database, *local_recipient_maps, *relay_recipient_maps;
    const char *local_transport, *virtual_transport, *relay_transport, *default_transport;
    const char *relayhost, *transport_maps, *sender_dependent_relayhost_maps;
    const char *sender_dependent_default_transport_maps, *fast_flush_domains;
    const char *parent_domain_matches_subdomains, *recipient_delimiter;
    const char *empty_address_relayhost_maps_lookup_key;
    const char *empty_address_default_transport_maps_lookup_key;
    bool relocated_prefix_enable;
    const char *propagate_unmatched_extensions, *content_filter;
    const char *remote_header_rewrite_domain, *local_header_rewrite_clients;
    bool allow_percent_hack, swap_bangpath, append_at_myorigin, append_dot_mydomain;
    bool resolve_dequoted_address, resolve_null_domain, resolve_numeric_domain;
    bool owner_request_special, allow_min_user, show_user_unknown_table_name;
    const char *default_database_type;
    long berkeley_db_create_buffer_size;

    // Locks.
    long deliver_lock_attempts, fork_attempts;
    struct duration deliver_lock_delay, stale_lock_time, fork_delay;
    const char *mailbox_delivery_lock, *virtual_mailbox_lock;

    // Commands' users.
    const char *authorized_submit_users, *authorized_flush_users, *authorized_mailq_users;

    // Debugging.

    // Set by master and the skeleton, not by the administrator.
    const char *stress, *service_name;
};

extern const struct param mail_params[];
