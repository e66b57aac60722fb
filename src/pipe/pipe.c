// pipe: delivers through an external command that master.cf names.
#include "mail/address.h"
#include "mail/command_user.h"
#include "mail/run_command.h"
#include "pipe/pipe_args.h"
#include "pipe/pipe_config.h"
#include "pipe/pipe_macros.h"
#include "service/agent.h"
#include "util/log.h"

static struct pipe_config config; // filled before the first request, then only read
static struct {
    struct arena *arena; // of `args`
    struct pipe_args args;
    uid_t uid;
    gid_t gid;
    struct duration time_limit;
    bool is_good;
    struct error mistake; // in master.cf, otherwise
} service;                // the same

static bool prepare(struct service *svc, struct error *err)
{
    const struct mail_config *mail = service_mail(svc);

    service.arena = arena_new();
    service.time_limit =
        config_instance_duration(service_config(svc), service_name(svc), "_time_limit",
                                 config.command_time_limit, 's');
    // A mistake in master.cf (Debian's names users that do not exist everywhere) concerns
    // only mail that comes this way: that is deferred.
    service.is_good = pipe_args_parse(service.arena, service_args(svc), &service.args,
                                      &service.mistake) &&
                      command_user_find(mail, service.args.user, service.args.group,
                                        &service.uid, &service.gid, &service.mistake);
    (void)err;
    return true;
}

static void report_all(struct delivery *d, const struct outcome *o)
{
    for (size_t i = 0; i < d->req->rcpts_len; i++)
        if (!agent_is_decided(d, i))
            agent_outcome(d, i, o);
}

static void misconfigured(struct delivery *d, const struct error *err)
{
    struct outcome o = {.dsn = "4.3.5",
                        .text = "mail system configuration error",
                        .relay = service_name(d->svc)};

    log_warn("file %s/master.cf: service %s: %s", service_mail(d->svc)->config_directory,
             service_name(d->svc), err->text);
    report_all(d, &o);
}

static bool header_has(struct str text, const char *address)
{
    struct str value;

    if (!str_starts_nocase(text, "Delivered-To:"))
        return false;
    value = str_trim(str_from(text, sizeof("Delivered-To:") - 1));
    return str_equal_nocase(value, str_c(address));
}

// The D flag also stops loops: a recipient that the message has already been delivered to.
static void bounce_loops(struct delivery *d)
{
    struct content_reader *in = content_open(d->fd, d->req->data_offset, d->arena);
    struct str text;
    bool ends, at_start = true;

    while (content_next(in, &text, &ends, NULL) && !(at_start && text.len == 0)) {
        for (size_t i = 0; at_start && i < d->req->rcpts_len; i++) {
            const char *address = d->req->rcpts[i].address;

            if (agent_is_decided(d, i) || !header_has(text, address))
                continue;
            struct outcome o = {
                .dsn = "5.4.6",
                .text = arena_printf(d->arena, "mail forwarding loop for %s", address),
                .relay = service_name(d->svc),
            };
            agent_bounced(d, i, &o);
        }
        at_start = ends;
    }
}

// Recipients that are still to do; loops are decided already.
static size_t keep_undecided(struct delivery *d, struct delivery_request *req)
{
    struct delivery_rcpt *rcpts =
        arena_array(d->arena, d->req->rcpts_len + 1, sizeof(struct delivery_rcpt));
    size_t len = 0;

    for (size_t i = 0; i < d->req->rcpts_len; i++)
        if (!agent_is_decided(d, i))
            rcpts[len++] = d->req->rcpts[i];
    req->rcpts = rcpts;
    req->rcpts_len = len;
    return len;
}

static struct mail_format choose_format(struct delivery *d,
                                        const struct delivery_request *req)
{
    const struct pipe_args *args = &service.args;
    const struct delivery_rcpt *rcpt = &req->rcpts[0];
    const char *sender = mail_copy_sender(d->arena, req->sender, args->null_sender);
    struct mail_format f = {
        .eol = args->eol,
        .quote_from = args->flags & PIPE_QUOTE_FROM,
        .stuff_dots = args->flags & PIPE_STUFF_DOTS,
        .blank_end = args->flags & PIPE_BLANK_END,
    };

    if (args->flags & PIPE_FROM_LINE)
        f.from_line = sender;
    if (args->flags & PIPE_RETURN_PATH)
        f.return_path = sender;
    if (args->flags & PIPE_ORIGINAL_TO)
        f.original_to =
            address_quote(d->arena, rcpt->orig[0] != '\0' ? rcpt->orig : rcpt->address);
    if (args->flags & PIPE_DELIVERED_TO)
        f.delivered_to = address_quote(d->arena, rcpt->address);
    return f;
}

static void report_end(struct delivery *d, const struct command_result *result,
                       const struct error *err)
{
    const char *name = service_name(d->svc);
    struct command_verdict verdict =
        command_judge(d->arena, result, service.args.argv.items[0], err);
    struct outcome o = {.dsn = verdict.dsn, .text = verdict.text, .relay = name};

    if (verdict.dsn[0] == '2') {
        struct str output = str_trim(str_c(result->output));

        o.text = output.len == 0 ? arena_printf(d->arena, "delivered via %s service", name)
                                 : arena_printf(d->arena, "delivered via %s service (%.*s)",
                                                name, STR_FMT(output));
        o.action = (service.args.flags & PIPE_FINAL) ? "delivered" : "relayed";
    }
    if (verdict.diag != NULL) {
        o.diag_type = "x-unix";
        o.diag_text = verdict.diag;
    }
    report_all(d, &o);
}

static void run(struct delivery *d, const struct delivery_request *req)
{
    struct command command = {
        .program = "pipe",
        .environment =
            command_environment(d->arena, service_mail(d->svc)->export_environment, NULL),
        .uid = service.uid,
        .gid = service.gid,
        .chroot_dir = service.args.chroot_dir,
        .directory = service.args.directory,
        .time_limit = service.time_limit,
        .queue_fd = d->fd,
        .data_offset = req->data_offset,
        .format = choose_format(d, req),
    };
    struct command_result result;
    struct error err = {0};

    if (!pipe_argv_expand(d->arena, &service.args, req,
                          service_mail(d->svc)->recipient_delimiter, &command.argv, &err)) {
        misconfigured(d, &err);
        return;
    }
    service_alive(d->svc);
    run_command(d->arena, &command, &result, &err);
    report_end(d, &result, &err);
}

static void deliver(struct delivery *d)
{
    struct delivery_request req = *d->req;
    struct outcome o = {.relay = service_name(d->svc)};

    if (!service.is_good) {
        misconfigured(d, &service.mistake);
        return;
    }
    if (service.args.size_limit > 0 && req.data_size > service.args.size_limit) {
        o.dsn = "5.2.3";
        o.text = "message too large";
        report_all(d, &o);
        return;
    }
    if ((service.args.flags & (PIPE_DELIVERED_TO | PIPE_ORIGINAL_TO)) &&
        req.rcpts_len > 1) {
        log_warn("pipe flag `D' or `O' requires %s_destination_recipient_limit = 1",
                 service_name(d->svc));
        o.dsn = "4.3.5";
        o.text = "mail system configuration error";
        report_all(d, &o);
        return;
    }
    if (service.args.flags & PIPE_DELIVERED_TO)
        bounce_loops(d);
    if (keep_undecided(d, &req) == 0)
        return;
    if ((req.flags & DELIVERY_VERIFY) || (req.trace_flags & (1 << 8 | 1 << 9))) {
        o.dsn = "2.0.0";
        o.text =
            arena_printf(d->arena, "delivers to command: %s", service.args.argv.items[0]);
        report_all(d, &o);
        return;
    }
    run(d, &req);
}

static const struct agent_spec pipe_agent = {
    .service =
        {
                  .name = "pipe",
                  .needs = SERVICE_ROOT | SERVICE_NO_CHROOT,
                  .params = pipe_params,
                  .config = &config,
                  .before_jail = prepare,
                  },
    .deliver = deliver,
};

int main(int argc, char **argv)
{
    return agent_main(argc, argv, &pipe_agent);
}
