// test_local: what a recipient turns into: aliases, :include: and .forward files,
// mailboxes, commands, and what is forwarded. Users, the agent loop, cleanup and rewriting
// are stand-ins.
#include "local/job.h"
#include "mail/privilege.h"
#include "unit.h"
#include "util/file.h"
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[64];
static struct arena *arena; // of one test
static const char *told;    // outcomes and forwards, a line each
static uid_t user_uid;

// ---- stand-ins ----

// ann and bob exist, in folders of their own.
int getpwnam_r(const char *name, struct passwd *pw, char *space, size_t size,
               struct passwd **result)
{
    *result = NULL;
    if (strcmp(name, "broken") == 0)
        return EIO;
    if (strcmp(name, "ann") != 0 && strcmp(name, "bob") != 0)
        return 0;
    snprintf(space, size, "%s/%s", folder, name);
    *pw = (struct passwd){.pw_name = (char *)(name[0] == 'a' ? "ann" : "bob"),
                          .pw_uid = user_uid,
                          .pw_gid = user_uid,
                          .pw_dir = space,
                          .pw_shell = (char *)"/bin/sh"};
    *result = pw;
    return 0;
}

void agent_outcome(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    (void)rcpt;
    told = arena_printf(arena, "%s%s%s %s (%s)\n", told,
                        o->part != NULL ? o->part : d->req->rcpts[0].address,
                        o->action != NULL ? "!" : "", o->dsn, o->text);
}

bool agent_is_decided(const struct delivery *d, size_t rcpt)
{
    (void)d;
    (void)rcpt;
    return told[0] != '\0';
}

void agent_passed(struct delivery *d, size_t rcpt, bool stays)
{
    (void)d;
    (void)rcpt;
    (void)stays;
}

void agent_bounced(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    agent_outcome(d, rcpt, o);
}

void agent_deferred(struct delivery *d, size_t rcpt, const struct outcome *o)
{
    agent_outcome(d, rcpt, o);
}

void service_alive(struct service *svc)
{
    (void)svc;
}

bool rewrite_addresses(struct rewriter *rw, struct arena *a, enum rewrite_context context,
                       const char *const *addresses, size_t len, const char **results,
                       struct error *err)
{
    (void)rw;
    (void)context;
    (void)err;
    for (size_t i = 0; i < len; i++)
        results[i] = strchr(addresses[i], '@') != NULL
                         ? addresses[i]
                         : arena_printf(a, "%s@here.example", addresses[i]);
    return true;
}

bool resolve_addresses(struct rewriter *rw, struct arena *a, const char *sender,
                       const char *const *addresses, size_t len, struct resolved *results,
                       struct error *err)
{
    (void)rw;
    (void)a;
    (void)sender;
    (void)err;
    for (size_t i = 0; i < len; i++) {
        const char *at = strrchr(addresses[i], '@');
        bool bad = strcmp(at, "@bad.example") == 0;

        results[i] = (struct resolved){
            .transport = strcmp(at, "@here.example") == 0 ? "local" : "smtp",
            .nexthop = bad ? "5.1.2 no such domain" : at + 1,
            .recipient = addresses[i],
            .flags = bad ? RESOLVE_ERROR : 0};
    }
    return true;
}

struct rewriter *rewriter_open(struct config *cfg, struct error *err)
{
    (void)cfg;
    (void)err;
    return NULL;
}

struct cleanup_client *cleanup_client_open(const struct mail_config *cfg, struct error *err)
{
    static int it;

    (void)cfg;
    (void)err;
    return (struct cleanup_client *)&it;
}

void cleanup_client_close(struct cleanup_client *c)
{
    (void)c;
}

bool cleanup_begin(struct cleanup_client *c, char id[64], struct error *err)
{
    (void)c;
    (void)err;
    strcpy(id, "NEWID");
    return true;
}

bool cleanup_send_envelope(struct cleanup_client *c, const struct cleanup_envelope *env,
                           struct error *err)
{
    (void)c;
    (void)err;
    told = arena_printf(arena, "%s<%s>", told, env->sender);
    for (size_t i = 0; i < env->rcpts_len; i++)
        told = arena_printf(arena, "%s %s/%s", told, env->rcpts[i].address,
                            env->rcpts[i].orig);
    told = arena_printf(arena, "%s\n", told);
    return true;
}

bool cleanup_content(struct cleanup_client *c, struct str data, struct error *err)
{
    (void)c;
    (void)err;
    return str_starts(data, "Received: by ") || str_starts(data, "Delivered-To: ");
}

bool cleanup_commit(struct cleanup_client *c, const struct cleanup_envelope *env,
                    struct arena *a, struct cleanup_result *result, struct error *err)
{
    (void)c;
    (void)env;
    (void)a;
    (void)err;
    *result = (struct cleanup_result){.status = CLEANUP_OK, .reason = ""};
    return true;
}

void cleanup_abort(struct cleanup_client *c)
{
    (void)c;
}

// ---- the cases ----

#define ALIASES                                                                            \
    "inline:{ {root=ann} {l=ann, bob} {ta=ta, bob} {self=\\ann} {ann2=ann, \\ann} "        \
    "{a1=b1} {b1=a1} {e=e1, e1} {e1=e2, e2} {e2=x@y.example, ann} "                        \
    "{far=x@y.example, ann} {own=ann, x@y.example} {owner-own=bob} {bad=x@bad.example} "   \
    "{cmd=\"|exit 67\"} {cmd0=\"|cat >/dev/null\"} {later=x@y.example, \"|exit 75\"} "     \
    "{null=/dev/null} {nofile=/nonexistent/x/y} {incl=:include:LIST} {rel=:include:list} " \
    "{noincl=:include:/nonexistent/l} {nu=nouser} {ext+x=ann} {broken2=broken} "           \
    "{tilde=~/x}}"

static const struct {
    const char *rcpt, *want;
} cases[] = {
    {"ann@here.example",    "ann@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"ann+x@here.example",  "ann+x@here.example 2.0.0 (delivered to mailbox)\n"                        },
    {"ANN@here.example",    "ANN@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"nouser@here.example", "nouser@here.example 5.1.1 (unknown user: \"nouser\")\n"                   },
    {"broken@here.example",
     "broken@here.example 4.3.0 (user lookup error for broken: Input/output error)\n"                  },
    {"root@here.example",   "ann@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"ROOT+x@here.example", "ann@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"l@here.example",      "ann@here.example 2.0.0 (delivered to mailbox)\n"
                       "bob@here.example 2.0.0 (delivered to mailbox)\n"         },
    {"ta@here.example",     "ta@here.example 5.1.1 (unknown user: \"ta\")\n"
                        "bob@here.example 2.0.0 (delivered to mailbox)\n"       },
    {"self@here.example",   "ann@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"ann2@here.example",   "ann@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"a1@here.example",     "b1@here.example 5.4.6 (alias database loop for b1)\n"                     },
    {"e@here.example",      "ann@here.example 2.0.0 (delivered to mailbox)\n"
                       "<s@x.example> x@y.example/e@here.example\n"
                       "e2@here.example! 2.0.0 (forwarded as NEWID)\n"           },
    {"far@here.example",    "ann@here.example 2.0.0 (delivered to mailbox)\n"
                         "<s@x.example> x@y.example/far@here.example\n"
                         "far@here.example! 2.0.0 (forwarded as NEWID)\n"      },
    {"own@here.example",    "<owner-own@here.example> ann@here.example/ x@y.example/\n"
                         "own@here.example! 2.0.0 (forwarded as NEWID)\n"      },
    {"bad@here.example",    "x@bad.example 5.1.2 (no such domain)\n"                                   },
    {"cmd@here.example",    "cmd@here.example 5.1.1 (user unknown)\n"                                  },
    {"cmd0@here.example",
     "cmd0@here.example 2.0.0 (delivered to command: cat >/dev/null)\n"                                },
    {"later@here.example",  "later@here.example 4.3.0 (temporary failure)\n"                           },
    {"null@here.example",   "null@here.example 2.0.0 (delivered to file: /dev/null)\n"                 },
    {"nofile@here.example", "nofile@here.example 5.2.0 (cannot append message to file "
                            "/nonexistent/x/y: cannot create "
                            "file exclusively: No such file or directory)\n"},
    {"incl@here.example",
     "incl@here.example 5.7.1 (mail to command is restricted)\n"
     "<s@x.example> ann@here.example/incl@here.example bob@here.example/incl@here.example "
     "z@y.example/incl@here.example\nincl@here.example! 2.0.0 (forwarded as NEWID)\n"                  },
    {"rel@here.example",    "rel@here.example 5.3.5 (mail system configuration error)\n"               },
    {"noincl@here.example",
     "noincl@here.example 5.3.5 (mail system configuration error)\n"                                   },
    {"nu@here.example",     "nouser@here.example 5.1.1 (unknown user: \"nouser\")\n"                   },
    {"ext+x@here.example",  "ann@here.example 2.0.0 (delivered to mailbox)\n"                          },
    {"ext@here.example",    "ext@here.example 5.1.1 (unknown user: \"ext\")\n"                         },
    {"seen@here.example",
     "seen@here.example 5.4.6 (mail forwarding loop for seen@here.example)\n"                          },
    {"bob+f@here.example",  "bob+f@here.example 2.0.0 (delivered to mailbox)\n"
                           "bob+f@here.example 5.1.1 (user unknown)\n"
                           "<s@x.example> ann@here.example/bob+f@here.example\n"
                           "bob+f@here.example! 2.0.0 (forwarded as NEWID)\n"},
};

static const char *path(const char *name)
{
    return arena_printf(arena, "%s/%s", folder, name);
}

static void write_file(const char *name, const char *text)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0 && fd_write_all(fd, text, strlen(text)));
    assert_int_equal(fchown(fd, user_uid, user_uid), 0);
    close(fd);
}

static int make_folder(void **state)
{
    (void)state;
    arena = arena_new();
    user_uid = geteuid() == 0 ? 54321 : geteuid();
    snprintf(folder, sizeof(folder), "/tmp/test_local.XXXXXX");
    if (mkdtemp(folder) == NULL || chmod(folder, 0755) < 0 ||
        chown(folder, user_uid, (gid_t)-1) < 0)
        return -1;
    mkdir(path("ann"), 0755);
    mkdir(path("bob"), 0755);
    mkdir(path("mail"), 0755);
    if (chown(path("mail"), user_uid, (gid_t)-1) < 0)
        return -1;
    write_file("list", "# list\nann\nbob, \"|cat\"\nZ <z@y.example>, ann\n");
    write_file("bob/.forward+f", "\\bob, \"|exit 67\"\nann, bob\n");
    return 0;
}

static int remove_folder(void **state)
{
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        execl("/bin/rm", "rm", "-rf", folder, (char *)NULL);
        _exit(1);
    }
    arena_free(arena);
    return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static int make_message(void)
{
    int fd = open(path("message"), O_RDWR | O_CREAT | O_TRUNC, 0600);
    struct buf *out = buf_make(arena, 4096);

    assert_true(record_put(out, REC_LINE, STR_LIT("delivered-to:  SEEN@here.example")));
    assert_true(record_put(out, REC_LINE, STR_LIT("")));
    assert_true(record_put(out, REC_LINE, STR_LIT("Delivered-To: ann@here.example")));
    assert_true(record_put(out, REC_EXTRACTED, STR_LIT("")));
    assert_true(fd_write_all(fd, buf_view(out).ptr, buf_view(out).len));
    return fd;
}

static void expands_recipients(void **state)
{
    struct local_config cfg = {
        .command_expansion_filter = "abcdefghijklmnopqrstuvwxyz@.",
        .forward_expansion_filter = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789/._+",
        .command_execution_directory = "",
        .execution_directory_expansion_filter = "",
        .forward_path = "$home/.forward${recipient_delimiter}${extension}, $home/.forward",
        .home_mailbox = "",
        .mail_spool_directory = path("mail"),
        .local_command_shell = "",
        .mailbox_command = "",
        .mailbox_transport = "",
        .fallback_transport = "",
        .luser_relay = "",
        .command_time_limit = {10},
        .duplicate_filter_limit = 1000,
        .frozen_delivered_to = true,
    };
    struct mail_config mail = {.recipient_delimiter = "+",
                               .owner_request_special = true,
                               .export_environment = ""};
    struct error err = {0};
    const char *list = strstr(ALIASES, "LIST");
    const char *aliases = arena_printf(arena, "%.*s%s%s", (int)(list - ALIASES), ALIASES,
                                       path("list"), list + 4);
    struct local local = {
        .cfg = &cfg,
        .mail = &mail,
        .alias_maps = maps_open("alias_maps", aliases, TABLE_FOLD_KEY, &err),
        .mailbox_command_maps = maps_open("mailbox_command_maps", "", 0, &err),
        .mailbox_transport_maps = maps_open("mailbox_transport_maps", "", 0, &err),
        .fallback_transport_maps = maps_open("fallback_transport_maps", "", 0, &err),
        .commands_allowed = ORIGIN_ALIAS | ORIGIN_FORWARD,
        .files_allowed = ORIGIN_ALIAS | ORIGIN_FORWARD,
        .delivered_headers = DELIVERED_COMMAND | DELIVERED_FILE | DELIVERED_FORWARD,
        .lock = {.methods = MAILBOX_LOCK_FCNTL, .attempts = 1 },
        .default_actor = { .uid = user_uid,              .gid = user_uid, .name = "self"},
        .service = "local",
    };

    (void)state;
    assert_non_null(local.alias_maps);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct delivery_rcpt rcpt = {.address = cases[i].rcpt, .orig = "", .dsn_orcpt = ""};
        struct delivery_request req = {.sender = "s@x.example",
                                       .client_address = "",
                                       .encoding = "",
                                       .envelope_id = "",
                                       .rcpts = &rcpt,
                                       .rcpts_len = 1};
        struct delivery d = {.req = &req, .fd = make_message(), .arena = arena_new()};

        told = "";
        local_deliver(&local, &d);
        check_text(cases[i].rcpt, told, cases[i].want);
        close(d.fd);
        arena_free(d.arena);
    }
    maps_close(local.alias_maps);
    maps_close(local.mailbox_command_maps);
    maps_close(local.mailbox_transport_maps);
    maps_close(local.fallback_transport_maps);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expands_recipients),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
