// fuzz_smtp_command: any lines as the commands of one SMTP session, its access tables
// included.
#include "smtpd/server.h"
#include "smtpd/verbs.h"
#include "util/file.h"
#include "util/log.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char settings[] =
    "compatibility_level = 3.6\nmyhostname = mx.example\nmydestination = mx.example\n"
    "mynetworks = 10.0.0.0/8\ninet_interfaces = 127.0.0.1\nalias_maps =\n"
    "local_recipient_maps = inline:{ann=x}\nsmtpd_tls_security_level =\n"
    "smtpd_authorized_xclient_hosts = 192.0.2.1\nsmtpd_authorized_xforward_hosts = "
    "192.0.2.1\n"
    "smtpd_error_sleep_time = 0\nsmtpd_peername_lookup = no\n"
    "smtpd_sender_restrictions = reject_non_fqdn_sender, check_sender_access inline:{"
    "{a@b=REJECT no} {c=421 4.3.2 later} {d@=PREPEND X: y}}\n";

static struct config *config;
static struct smtpd_config cfg;
static struct smtpd server;

static void set_up(void)
{
    char folder[] = "/tmp/relais-fuzz-XXXXXX", path[64];
    struct error err = {0};

    log_open("fuzz", 0, 0);
    ensure(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/main.cf", folder);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);

    ensure(fd >= 0 && fd_write_all(fd, settings, sizeof(settings) - 1));
    close(fd);
    config = config_open(folder, NULL, 0, &err);
    ensure(config != NULL && config_load(config, smtpd_params, &cfg, &err));
    ensure(server_open(&server, arena_new(), config, &cfg, false, &err));
    unlink(path);
    rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest, line;
    struct arena *arenas[3];
    struct session s;

    if (config == NULL)
        set_up();
    for (size_t i = 0; i < COUNT(arenas); i++)
        arenas[i] = arena_new();
    session_init(&s, &server, NULL, arenas[0], arenas[1], arenas[2]);
    s.peer = (struct peer){.name = "unknown",
                           .reverse_name = "unknown",
                           .addr = "192.0.2.1",
                           .port = "1",
                           .family = AF_INET,
                           .server_addr = "192.0.2.2",
                           .server_port = "25"};
    peer_derive(arenas[0], &s.peer, false);
    session_set_peer_rules(&s);
    rest = str_n((const char *)data, size);
    for (int i = 0; i < 20 && str_take_line(&rest, &line); i++) {
        // DATA and BDAT read on from the client, who is not there.
        if (str_starts_nocase(str_trim_left(line), "DATA") ||
            str_starts_nocase(str_trim_left(line), "BDAT"))
            continue;
        struct reply reply = smtpd_dispatch(&s, line);

        ensure(reply.text == NULL || strchr(reply.text, '\r') == NULL);
    }
    session_reset_message(&s);
    for (size_t i = 0; i < COUNT(arenas); i++)
        arena_free(arenas[i]);
    return 0;
}
