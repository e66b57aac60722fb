// command: "|command" and mailbox_command.
#include "local/job.h"
#include "mail/privilege.h"
#include "mail/run_command.h"
#include "util/log.h"
#include <unistd.h>

static void add(const struct task *t, struct text_list *list, const char *name,
                const char *value)
{
    const char *filter = t->job->local->cfg->command_expansion_filter;

    if (value != NULL && value[0] != '\0')
        text_list_add(t->job->arena, list,
                      arena_printf(t->job->arena, "%s=%s", name,
                                   command_filter(t->job->arena, value, filter)));
}

static const char *const *environment(const struct task *t)
{
    const struct delivery_request *req = t->job->d->req;
    const struct delivery_rcpt *rcpt = &req->rcpts[t->job->rcpt];
    struct text_list list = {0};

    add(t, &list, "SHELL", t->actor.shell);
    add(t, &list, "HOME", t->actor.home);
    add(t, &list, "USER", t->user);
    add(t, &list, "EXTENSION", t->extension);
    add(t, &list, "DOMAIN", t->domain);
    add(t, &list, "LOGNAME", t->user);
    add(t, &list, "LOCAL", t->local);
    add(t, &list, "ORIGINAL_RECIPIENT", rcpt->orig[0] != '\0' ? rcpt->orig : rcpt->address);
    add(t, &list, "RECIPIENT", t->address);
    text_list_add(
        t->job->arena, &list,
        arena_printf(t->job->arena, "SENDER=%s",
                     command_filter(t->job->arena, t->sender,
                                    t->job->local->cfg->command_expansion_filter)));
    add(t, &list, "CLIENT_ADDRESS", req->client_address);
    add(t, &list, "CLIENT_HELO", req->client_helo);
    add(t, &list, "CLIENT_HOSTNAME", req->client_name);
    add(t, &list, "CLIENT_PROTOCOL", req->client_proto);
    add(t, &list, "SASL_METHOD", req->sasl_method);
    add(t, &list, "SASL_SENDER", req->sasl_sender);
    add(t, &list, "SASL_USERNAME", req->sasl_username);
    return command_environment(t->job->arena, t->job->local->mail->export_environment,
                               &list);
}

// Commands of root's run as default_privs; without root all run as the instance's user,
// which only the administrator's own (aliases, mailbox_command) or that user's may.
static bool choose_user(const struct task *t, uid_t *uid, gid_t *gid)
{
    const struct local *local = t->job->local;

    *uid = t->actor.uid;
    *gid = t->actor.gid;
    if (!privilege_is_available()) {
        *uid = geteuid();
        *gid = getegid();
    } else if (*uid == 0) {
        *uid = local->default_actor.uid;
        *gid = local->default_actor.gid;
    }
    return !privilege_is_available() || *uid != 0;
}

static bool find_directory(const struct task *t, const char **directory)
{
    const struct local_config *cfg = t->job->local->cfg;
    struct error err = {0};

    *directory = NULL;
    if (cfg->command_execution_directory[0] == '\0')
        return true;
    if (!task_expand(t, cfg->command_execution_directory,
                     cfg->execution_directory_expansion_filter, directory, &err)) {
        log_warn("command_execution_directory: %s", err.text);
        return false;
    }
    if ((*directory)[0] == '\0')
        *directory = NULL;
    return true;
}

void deliver_command(const struct task *t, const char *line)
{
    const struct local *local = t->job->local;
    struct arena *arena = t->job->arena;
    struct command command = {
        .program = "local",
        .line = line,
        .shell = local->cfg->local_command_shell,
        .time_limit = local->cfg->command_time_limit,
        .file_size_limit = local->cfg->mailbox_size_limit,
        .queue_fd = t->job->d->fd,
        .data_offset = t->job->d->req->data_offset,
        .format = task_format(t, false, DELIVERED_COMMAND),
    };
    struct command_result result;
    struct error err = {0};

    if (seen_before(t->job, 'C', arena_printf(arena, "%ld:%s", (long)t->actor.uid, line)))
        return;
    if (task_is_probe(t)) {
        task_report(t, "2.0.0", "delivers to command: %s", line);
        return;
    }
    if (!choose_user(t, &command.uid, &command.gid)) {
        task_report(t, "4.3.0", "command not run: default_privs must not be root");
        return;
    }
    if (!find_directory(t, &command.directory)) {
        task_report(t, "4.3.5", "mail system configuration error");
        return;
    }
    command.format.from_line = mail_copy_sender(arena, t->sender, "MAILER-DAEMON");
    command.environment = environment(t);
    service_alive(t->job->d->svc);
    run_command(arena, &command, &result, &err);
    struct command_verdict verdict = command_judge(arena, &result, line, &err);
    if (verdict.dsn[0] == '2')
        task_report(t, verdict.dsn, "delivered to command: %s", line);
    else
        task_report_command(t, &verdict);
}
