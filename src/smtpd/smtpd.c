// smtpd: takes mail from SMTP clients and hands it to cleanup(8). One client at a time.
#include "service/service.h"
#include "smtpd/dialogue.h"
#include "smtpd/server.h"
#include "smtpd/transcript.h"
#include "smtpd/verbs.h"
#include "util/log.h"

static struct smtpd_config config; // filled before the first client, then only read
static struct smtpd server;        // opened in the template; each worker has a copy

static bool before_jail(struct service *svc, struct error *err)
{
    return server_open(&server, arena_new(), service_config(svc), &config,
                       service_is_stand_alone(svc), err);
}

static void on_client(struct service *svc, int fd)
{
    struct arena *arena = arena_new(), *msg_arena = arena_new(), *cmd_arena = arena_new();
    struct session session;

    server.service = svc;
    session_init(&session, &server, stream_open(fd), arena, msg_arena, cmd_arena);
    peer_find(arena, fd, config.smtpd_peername_lookup, &session.peer);
    peer_derive(arena, &session.peer, config.smtpd_client_port_logging);
    session_set_peer_rules(&session);
    dialogue_run(&session);
    transcript_report(&session);
    stream_close(session.io);
    arena_free(cmd_arena);
    arena_free(msg_arena);
    arena_free(arena);
    maps_refresh_all(); // tables that changed are read anew for the next client
}

static const struct service_spec smtpd = {
    .name = "smtpd",
    .model = SERVICE_CLIENT,
    .needs = SERVICE_NO_PRIVILEGE,
    .params = smtpd_params,
    .config = &config,
    .before_jail = before_jail,
    .on_client = on_client,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &smtpd);
}
