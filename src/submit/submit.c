// submit: takes messages of local users from a socket; the kernel says who they are.
//
// The client sends what it would give to postdrop(1) and shuts its side down; the answer is
// that of postdrop(1), after cleanup(8) has the message on stable storage. No privilege is
// needed on either side.
#include "mail/maildrop.h"
#include "service/service.h"
#include "submit/submit_config.h"
#include "table/match_list.h"
#include "util/file.h"
#include "util/log.h"
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

// Records cost a few bytes more than the text in them.
#define RECORD_OVERHEAD (1u << 20)
#define READ_SIZE 65536u
#define CLIENT_TIMEOUT 300 // seconds for one read

static struct submit_config config;
static struct match_list *authorized;
static struct cleanup_client *client; // kept for the process

enum answer {
    ANSWER_OK = 0,
    ANSWER_USAGE = 64,
    ANSWER_DATA = 65,
    ANSWER_TEMPORARY = 75,
    ANSWER_DENIED = 77
};

static bool read_all(struct service *svc, int fd, size_t max, struct buf *data,
                     struct error *err)
{
    struct stream *s = stream_open(dup(fd));
    enum stream_result result = STREAM_OK;
    struct str piece;
    bool fits = true;

    stream_set_timeout(s, CLIENT_TIMEOUT);
    while (fits && (result = stream_read_some(s, READ_SIZE, &piece)) == STREAM_OK) {
        service_alive(svc);
        fits = buf_append(data, piece);
    }
    stream_close(s);
    if (!fits)
        return error_perm(err, "5.3.4", "message is larger than %zu bytes", max);
    if (result != STREAM_EOF)
        return error_temp(err, "4.4.2", "lost the client");
    return true;
}

static bool is_authorized(uid_t uid, struct error *err)
{
    struct passwd *pw = getpwuid(uid);
    const char *name = pw != NULL ? pw->pw_name : "unknown"; // as the list calls them

    switch (match_list_find(authorized, name, NULL, err)) {
    case MATCH_YES:
        return true;
    case MATCH_NO:
        return error_perm(err, "5.7.1", "User %s(%ld) is not allowed to submit mail", name,
                          (long)uid);
    case MATCH_FAILED:
        break;
    }
    return error_temp(err, "4.3.0", "cannot look up %s(%ld)", name, (long)uid);
}

static enum answer hand_over(struct service *svc, struct arena *arena, struct str data,
                             uid_t uid, char id[64], struct error *err)
{
    const struct mail_config *mail = service_mail(svc);
    struct maildrop_origin from = {
        .uid = (long)uid,
        .content_filter = mail->content_filter,
        .receive_override_options = config.receive_override_options,
    };
    struct maildrop drop;
    struct cleanup_result result;

    if (!maildrop_parse(arena, data, false, &drop, err))
        return ANSWER_DATA;
    if (client == NULL && (client = cleanup_client_open(mail, err)) == NULL)
        return ANSWER_TEMPORARY;
    if (!maildrop_submit(client, mail, arena, &drop, &from, id, &result, err)) {
        cleanup_client_close(client);
        client = NULL;
        return ANSWER_TEMPORARY;
    }
    if (result.status == CLEANUP_OK)
        return ANSWER_OK;
    error_temp(err, "4.3.0", "message not accepted%s%s", result.reason[0] != 0 ? ": " : "",
               result.reason);
    return result.status == CLEANUP_NO_RCPTS ? ANSWER_USAGE : ANSWER_TEMPORARY;
}

static enum answer take_message(struct service *svc, struct arena *arena, int fd,
                                char id[64], struct error *err)
{
    long limit = service_mail(svc)->message_size_limit;
    size_t max = limit > 0 ? (size_t)limit + (size_t)limit / 8 + RECORD_OVERHEAD : 1u << 30;
    struct buf *data = buf_make(arena, max);
    struct ucred peer;
    socklen_t len = sizeof(peer);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
        error_temp(err, "4.3.0", "who is the client: %m");
        return ANSWER_TEMPORARY;
    }
    if (!is_authorized(peer.uid, err))
        return err->kind == ERROR_PERMANENT ? ANSWER_DENIED : ANSWER_TEMPORARY;
    if (!read_all(svc, fd, max, data, err))
        return err->kind == ERROR_PERMANENT ? ANSWER_DATA : ANSWER_TEMPORARY;
    return hand_over(svc, arena, buf_view(data), peer.uid, id, err);
}

static void serve(struct service *svc, int fd)
{
    struct arena *arena = arena_new();
    struct error err = {.text = ""};
    char id[64] = "";
    enum answer answer = take_message(svc, arena, fd, id, &err);
    struct buf *out = buf_make(arena, 4096);

    if (answer == ANSWER_OK)
        err.text[0] = 0;
    else
        log_warn("%s%s%s", id, id[0] != 0 ? ": " : "", err.text);
    buf_putf(out, "queue_id%c%s%cstatus%c%d%creason%c%s%c%c", 0, id, 0, 0, (int)answer, 0,
             0, err.text, 0, 0);
    if (!fd_write_all(fd, buf_view(out).ptr, buf_len(out)))
        log_warn("%s: the client is gone before it got the answer", id);
    close(fd);
    arena_free(arena);
}

static bool open_lists(struct service *svc, struct error *err)
{
    int64_t flags;

    if (!receive_overrides_parse(config.receive_override_options, &flags, err))
        return false;
    authorized = match_list_open("authorized_submit_users",
                                 config_mail(service_config(svc))->authorized_submit_users,
                                 MATCH_USER, false, err);
    return authorized != NULL;
}

static const struct service_spec submit = {
    .name = "submit",
    .log_name = "pickup", // compat: where log analysers look for local submissions
    .model = SERVICE_CLIENT,
    .needs = SERVICE_NO_PRIVILEGE,
    .params = submit_params,
    .config = &config,
    .before_jail = open_lists,
    .on_client = serve,
};

int main(int argc, char **argv)
{
    return service_main(argc, argv, &submit);
}
