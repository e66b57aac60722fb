// rules: smtpd's restriction lists: parsed once into typed rules, then judged for each
// request.
#pragma once
#include "smtpd/session.h"
#include "util/error.h"

enum rule_stage {
    STAGE_CLIENT,
    STAGE_HELO,
    STAGE_SENDER,
    STAGE_RECIPIENT,
    STAGE_DATA,
    STAGE_END_OF_DATA,
    STAGE_ETRN,
};

// What a rule looks at; names the class in reply texts ("Sender address rejected").
enum subject {
    SUBJECT_STAGE, // that of the list which the rule stands in
    SUBJECT_CLIENT,
    SUBJECT_REVERSE_CLIENT,
    SUBJECT_CCERT,
    SUBJECT_SASL,
    SUBJECT_HELO,
    SUBJECT_SENDER,
    SUBJECT_RECIPIENT,
    SUBJECT_ETRN,
    SUBJECT_DATA,
    SUBJECT_END_OF_DATA,
};

enum verdict_action { VERDICT_DUNNO, VERDICT_PERMIT, VERDICT_REJECT };

struct verdict {
    enum verdict_action action;
    const char *reply; // VERDICT_REJECT: "554 5.7.1 text"
};

#define DUNNO ((struct verdict){.action = VERDICT_DUNNO})
#define PERMIT ((struct verdict){.action = VERDICT_PERMIT})

// One request that is judged.
struct check {
    struct session *s;
    enum rule_stage stage;
    const char *where;     // "RCPT", for the log and policy servers
    const char *sender;    // NULL: not known at this point
    const char *recipient; // NULL: not known, or several
    struct deferral if_permit, if_reject;
    bool did_unlisted_sender, did_unlisted_recipient;
    unsigned depth; // lists inside lists
};

enum rule_arg { ARG_NONE, ARG_TABLE, ARG_DOMAIN, ARG_POLICY, ARG_SECONDS };

struct rule;

// A kind of rule: one row of the table in rules_table.c.
struct restriction {
    const char *name;
    enum rule_arg arg;
    struct verdict (*judge)(struct check *c, const struct rule *r);
    enum subject subject;
    int how; // what else the judge wants to be told apart
};

struct rbl;
struct policy;

struct rule {
    const struct restriction *kind;
    const char *arg;   // as written
    struct maps *maps; // ARG_TABLE
    struct rbl *rbl;   // ARG_DOMAIN
    struct policy *policy;
    struct rules *list; // a class
    long seconds;
    bool warn_only; // stands after warn_if_reject
};

struct rules {
    struct rule *items;
    size_t len;
};

// Where rules_parse finds restriction classes, and what opens its tables.
struct rules_context {
    struct arena *arena;
    const struct text_list *classes; // smtpd_restriction_classes
    const char *(*class_text)(const char *name, void *ctx);
    void *ctx;
    const struct smtpd_config *cfg;
    const char *title; // parameter, for messages
    unsigned depth;
};

// Lets the process's restriction classes be named.
void rules_context_add_classes(struct rules_context *ctx, struct smtpd *server);
// Parses the list `text`. What is wrong is logged, and answered with 451 4.3.5 when judged,
// so that a typing mistake neither opens a relay nor loses mail.
struct rules *rules_parse(struct rules_context *ctx, const char *text,
                          enum rule_stage stage);
// True if the list, or a class in it, contains a restriction with this name.
bool rules_contain(const struct rules *rules, const char *name);
const struct restriction *restriction_find(struct str name);

// Judges one list; deferrals are collected in `c`.
struct verdict rules_judge(const struct rules *rules, struct check *c);

// The class name of a subject, and the text in "<X>: CLASS rejected".
enum subject check_subject(const struct check *c, const struct rule *r);
const char *subject_class(enum subject subject);
const char *subject_text(const struct check *c, enum subject subject);

// A reply "CODE DSN TEXT", with code and DSN made to agree and soft_bounce applied.
struct verdict reject_with(struct check *c, enum subject subject, long code,
                           const char *dsn, const char *fmt, ...) PRINTF_LIKE(5, 6);
// Remembers a deferral and goes on.
struct verdict defer_if_permit(struct check *c, enum subject subject, long code,
                               const char *dsn, const char *fmt, ...) PRINTF_LIKE(5, 6);
struct verdict defer_if_reject(struct check *c, enum subject subject, long code,
                               const char *dsn, const char *fmt, ...) PRINTF_LIKE(5, 6);
// By a *_tempfail_action parameter: at once, or only if nothing else rejects.
struct verdict defer_by_action(struct check *c, const char *action, enum subject subject,
                               long code, const char *dsn, const char *text);
// "<X>: CLASS rejected: Temporary lookup failure" and "Server configuration error".
struct verdict reject_table_error(struct check *c, const char *title,
                                  const struct error *err);
struct verdict reject_config_error(struct check *c);
// An access(5) table failed: "<X>: CLASS rejected: Server configuration error".
struct verdict reject_access_error(struct check *c, enum subject subject, const char *table,
                                   const struct error *err);

// Carries out an access(5) action that a table or policy server gave for `value`.
struct verdict access_act(struct check *c, enum subject subject, const char *value,
                          const char *source, const char *action);

// Address in standard form and its route, as far as tables let us know. False: temporary.
bool check_resolve(struct check *c, const char *address, struct resolved *resolved);

// The smtpd_reject_unlisted_{recipient,sender} checks, also done without being asked.
struct verdict unlisted_recipient(struct check *c, const char *address);
struct verdict unlisted_sender(struct check *c, const char *address);
