// job: what local(8) knows while it delivers: the process, one recipient, one step of its
// expansion.
#pragma once
#include "local/local_config.h"
#include "mail/alias_value.h"
#include "mail/cleanup_client.h"
#include "mail/mailbox_lock.h"
#include "mail/resolve.h"
#include "service/agent.h"
#include "table/maps.h"
#include <sys/types.h>

// On whose behalf files are written and commands run.
struct actor {
    uid_t uid;
    gid_t gid;
    const char *name, *home, *shell; // home and shell NULL: no user's own delivery
};

// Where a destination was written down, as the allow_mail_to_ parameters name it.
enum origin {
    ORIGIN_NONE = 0, // the recipient of the request
    ORIGIN_ALIAS = 1 << 0,
    ORIGIN_FORWARD = 1 << 1,
    ORIGIN_INCLUDE = 1 << 2,
};
enum delivered_header { DELIVERED_COMMAND = 1, DELIVERED_FILE = 2, DELIVERED_FORWARD = 4 };

// The process.
struct local {
    const struct local_config *cfg;
    const struct mail_config *mail;
    struct maps *alias_maps, *mailbox_command_maps, *mailbox_transport_maps;
    struct maps *fallback_transport_maps;
    struct rewriter *rewriter;
    struct cleanup_client *cleanup;           // opened when first needed
    unsigned commands_allowed, files_allowed; // enum origin
    unsigned propagate;                       // enum origin: extensions go along
    unsigned delivered_headers;               // enum delivered_header
    struct mailbox_lock_policy lock;
    struct actor default_actor; // of default_privs
    const char *service;        // our own name in master.cf
};

struct seen;

// A message that will be handed to cleanup(8) once everything else went well.
struct forward {
    const char *sender;
    bool is_list; // an owner- alias took over: no success reports to the original sender
    struct cleanup_rcpt *rcpts;
    size_t rcpts_len, rcpts_room;
    const char *part; // the recipient that its log line names
    struct forward *next;
};

// One recipient of the request, with everything that it expands to.
struct job {
    struct local *local;
    struct delivery *d;
    size_t rcpt;
    struct arena *arena;
    struct text_list delivered; // Delivered-To addresses of the message, lower case
    struct seen *seen;
    struct forward *forwards;
    bool deferred;  // some part has to be tried again
    size_t targets; // read so far from aliases and files
};

// One address on the way; copied and changed from step to step.
struct task {
    struct job *job;
    const char *address;   // internal form
    const char *local;     // its local part in lower case
    const char *user;      // the same without extension
    const char *extension; // without delimiter; "" for none
    const char *delimiter; // the one character that was used, or ""
    const char *domain;
    const char *delivered_to;
    const char *sender;
    const char *owner; // owner- alias in force, or NULL
    struct actor actor;
    enum origin origin;
    const char *source; // alias or user whose expansion this is
    unsigned level;
    bool is_mailbox;       // "\name": no aliasing
    bool is_indirect;      // addresses become a new message, even when they are ours
    const char *unmatched; // extension to add to addresses, or ""
};

// Most targets that one recipient may expand to, whatever the files say.
#define TARGETS_MAX 200000
// Deepest nesting of aliases, and of :include: files.
#define LEVEL_MAX 100

// Tells the agent loop what became of this address.
void task_report(const struct task *t, const char *dsn, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void task_report_error(const struct task *t, const struct error *err, const char *before);
// The same for a command: its output is the diagnostics.
struct command_verdict;
void task_report_command(const struct task *t, const struct command_verdict *verdict);
void task_report_forwarded(const struct task *t, const char *id);
// The message is a probe: say what would happen, and leave it at that.
bool task_is_probe(const struct task *t);

// The address's parts; `address` in internal form.
void task_set_address(struct task *t, const char *address);

// True when `key` of this kind was here before (and notes it).
bool seen_before(struct job *job, char kind, const char *key);
bool seen_has(const struct job *job, char kind, const char *key);
struct seen *seen_new(struct arena *arena, long limit);

// $user, $home, $extension and so on in `text`; values keep only characters of `filter`
// (NULL: any).
MUST_CHECK bool task_expand(const struct task *t, const char *text, const char *filter,
                            const char **result, struct error *err);

// deliver.c: all recipients of a request.
void local_deliver(struct local *local, struct delivery *d);
// recipient.c: delivers to a local address; aliases first, mailbox last.
void deliver_recipient(struct task t);
// target.c: one destination of an alias or file. Copies of `t` are passed down.
void deliver_targets(const struct task *t, const struct alias_targets *targets);
void deliver_address(const struct task *t, const char *address);
// alias.c, dotforward.c: true when there was one and it has been dealt with.
bool deliver_alias(const struct task *t);
bool deliver_dotforward(const struct task *t);
void deliver_include(const struct task *t, const char *path);
// mailbox.c: into the user's own mailbox, whatever form that has.
void deliver_mailbox(const struct task *t);
void deliver_file(const struct task *t, const char *path);
// command.c
void deliver_command(const struct task *t, const char *line);
// pass.c: hands the recipient to another delivery agent, "transport:nexthop".
void deliver_pass(const struct task *t, const char *transport);
// forward.c
void forward_add(const struct task *t, const char *address);
void forward_finish(const struct task *t);

// actor.c
bool actor_find(struct arena *arena, const char *name, struct actor *actor, bool *found,
                struct error *err);
bool actor_by_uid(struct arena *arena, uid_t uid, struct actor *actor);
struct mail_format task_format(const struct task *t, bool mailbox, unsigned delivered_kind);
