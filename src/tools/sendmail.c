// sendmail: the command that programs use to send mail; also mailq and newaliases.
#include "config/config.h"
#include "mail/address.h"
#include "mail/maillog.h"
#include "mail/queue_file.h"
#include "mail/submission.h"
#include "tools/sendmail_config.h"
#include "tools/sendmail_message.h"
#include "tools/sendmail_run.h"
#include "util/help.h"
#include "util/log.h"
#include <ctype.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

enum mode {
    MODE_MAIL,
    MODE_LIST,
    MODE_ALIASES,
    MODE_SMTP,
    MODE_QUEUE,
    MODE_DAEMON,
    MODE_NONE
};

// As queue files keep them (attribute trace_flags).
enum { TRACE_VERIFY = SENDMAIL_TRACE_VERIFY, TRACE_RECORD = 1 << 10 };

struct call {
    struct arena *arena;
    struct sendmail_options options;
    enum mode mode;
    const char *config_dir, *queue_argument, *alias_database, *sender;
    bool has_sender, default_verp;
    int verbose;
};

// compat: whatever is wrong, the exit status is that of a failure for now.
static _Noreturn void usage(const char *text)
{
    log_fatal_status(EX_TEMPFAIL, "%s", text);
}

static void set_mode(struct call *c, const char *arg)
{
    switch (arg[0]) {
    case 'd':
    case 'l':
        c->mode = MODE_DAEMON;
        break;
    case 'h':
    case 'H':
        c->mode = MODE_NONE;
        break;
    case 'i':
        c->mode = MODE_ALIASES;
        break;
    case 'm':
        c->mode = MODE_MAIL;
        break;
    case 'p':
        c->mode = MODE_LIST;
        break;
    case 's':
        c->mode = MODE_SMTP;
        break;
    case 'v':
        c->mode = MODE_MAIL;
        c->options.trace_flags |= TRACE_VERIFY;
        break;
    default:
        log_fatal_status(EX_TEMPFAIL, "unsupported: -%c%c", 'b', arg[0]);
    }
}

static int parse_notify(const char *text)
{
    static const struct {
        const char *name;
        int bit;
    } names[] = {
        {"never",   DSN_NEVER  },
        {"success", DSN_SUCCESS},
        {"failure", DSN_FAILURE},
        {"delay",   DSN_DELAY  }
    };
    struct str rest = str_c(text), word;
    int mask = 0;

    while (str_take(&rest, ", \t", &word)) {
        size_t i = 0;

        while (i < COUNT(names) && !str_is_nocase(word, names[i].name))
            i++;
        if (i == COUNT(names)) {
            log_warn("unknown DSN NOTIFY command value \"%.*s\" in \"%s\"", STR_FMT(word),
                     text);
            log_warn("bad -N option value -- ignored");
            return 0;
        }
        mask |= names[i].bit;
    }
    if (mask == 0 || ((mask & DSN_NEVER) && mask != DSN_NEVER))
        log_warn("bad -N option value -- ignored");
    return (mask & DSN_NEVER) && mask != DSN_NEVER ? 0 : mask;
}

static int parse_ret(const char *text)
{
    if (strcasecmp(text, "full") == 0)
        return DSN_RET_FULL;
    if (strcasecmp(text, "hdrs") == 0)
        return DSN_RET_HDRS;
    log_warn("bad -R option value -- ignored");
    return 0;
}

static const char *parse_body_type(const char *text)
{
    if (strcasecmp(text, "7bit") == 0)
        return "7bit";
    if (strcasecmp(text, "8bitmime") == 0)
        return "8bit";
    usage("-B option needs 8BITMIME or 7BIT");
}

static void set_o(struct call *c, const char *arg)
{
    if (arg[0] == 'i')
        c->options.dot_is_text = true;
    else if (arg[0] == 'A')
        c->alias_database = arg + 1;
    // others are accepted and ignored
}

static void set_queue(struct call *c, const char *arg)
{
    if (arg == NULL || arg[0] == 0) {
        c->mode = MODE_QUEUE;
    } else if ((arg[0] == 'R' || arg[0] == 'I') && arg[1] != 0) {
        c->mode = MODE_QUEUE;
        c->queue_argument = arg;
    } else if (arg[0] == 'S') {
        usage("-qS is not implemented");
    } else if (isdigit((unsigned char)arg[0])) {
        if (c->mode != MODE_DAEMON)
            c->mode = c->mode == MODE_MAIL ? MODE_NONE : c->mode;
    } else {
        log_fatal_status(EX_TEMPFAIL, "-q%c is not implemented", arg[0]);
    }
}

static void set_verp(struct call *c, const char *arg)
{
    if (arg[0] != 'V')
        return; // a file for the traffic: ignored
    c->options.verp = arg + 1;
    c->default_verp = arg[1] == 0;
}

static void set_option(struct call *c, int letter, const char *arg)
{
    switch (letter) {
    case 'B':
        c->options.encoding = parse_body_type(arg);
        break;
    case 'C':
        c->config_dir = arg;
        break;
    case 'F':
        c->options.full_name = arg;
        break;
    case 'G':
        c->options.is_gateway = true;
        break;
    case 'I':
        c->mode = MODE_ALIASES;
        break;
    case 'N':
        c->options.dsn_notify = parse_notify(arg);
        break;
    case 'R':
        c->options.dsn_ret = parse_ret(arg);
        break;
    case 'V':
        c->options.envelope_id = arg;
        break;
    case 'X':
        set_verp(c, arg);
        break;
    case 'b':
        set_mode(c, arg);
        break;
    case 'f':
    case 'r':
        c->sender = arg;
        c->has_sender = true;
        break;
    case 'i':
        c->options.dot_is_text = true;
        break;
    case 'o':
        set_o(c, arg);
        break;
    case 'q':
        set_queue(c, arg);
        break;
    case 't':
        c->options.extract_rcpts = true;
        break;
    case 'v':
        c->verbose++;
        break;
    case '?':
        usage("usage: sendmail [options]");
    default: // accepted for the sake of other sendmails, without effect
        break;
    }
}

// An address as people write it -> internal form.
static const char *parse_address(struct arena *arena, const char *text)
{
    struct header_addr_list list;

    header_addrs_parse(arena, str_c(text), 2, &list);
    if (list.len == 1)
        return list.items[0].address;
    return address_unquote(arena, str_c(text));
}

static void add_rcpts(struct call *c, char **args)
{
    struct header_addr_list list;

    for (; *args != NULL; args++) {
        header_addrs_parse(c->arena, str_c(*args), SIZE_MAX, &list);
        for (size_t i = 0; i < list.len; i++)
            if (list.items[i].address[0] != 0)
                text_list_add(c->arena, &c->options.rcpts, list.items[i].address);
    }
}

// The first field of the gecos entry; '&' stands for the login name.
static const char *full_name_of(struct arena *arena, const struct passwd *pw)
{
    struct buf *name = buf_make(arena, 4096);

    for (const char *p = pw->pw_gecos; *p != 0 && *p != ',' && *p != ';' && *p != '%';
         p++) {
        if (*p != '&') {
            buf_putf(name, "%c", *p);
            continue;
        }
        buf_putf(name, "%c%s", toupper((unsigned char)pw->pw_name[0]), pw->pw_name + 1);
    }
    return arena_text(arena, buf_view(name));
}

static void find_sender(struct call *c)
{
    struct passwd *pw = getpwuid(getuid());
    const char *login =
        pw != NULL ? pw->pw_name : arena_printf(c->arena, "%ld", (long)getuid());

    if (c->has_sender && c->sender[0] != 0 && strcmp(c->sender, "<>") != 0)
        c->options.sender = parse_address(c->arena, c->sender);
    else
        c->options.sender = c->has_sender ? "" : login;
    if (c->options.full_name != NULL)
        return;
    const char *name = getenv("NAME");

    c->options.full_name = name != NULL ? name
                           : pw != NULL ? full_name_of(c->arena, pw)
                                        : "";
}

static enum fix_line_endings find_fix(const char *text)
{
    if (strcasecmp(text, "strict") == 0)
        return FIX_STRICT;
    return strcasecmp(text, "never") == 0 ? FIX_NEVER : FIX_ALWAYS;
}

static void check_verp(struct call *c, const struct mail_config *mail,
                       const struct sendmail_config *cfg)
{
    if (c->default_verp)
        c->options.verp = mail->default_verp_delimiters;
    const char *v = c->options.verp;

    if (v[0] == 0)
        return;
    if (strlen(v) != 2 || strchr(cfg->verp_delimiter_filter, v[0]) == NULL ||
        strchr(cfg->verp_delimiter_filter, v[1]) == NULL)
        log_fatal_status(EX_TEMPFAIL, "-V requires two characters from %s",
                         cfg->verp_delimiter_filter);
}

static int send_message(struct call *c, const struct mail_config *mail)
{
    struct str records;
    struct error err;
    const char *reason;
    const char *who = c->options.sender;
    long uid = (long)getuid();

    if (!c->options.extract_rcpts && c->options.rcpts.len == 0)
        log_fatal_status(EX_TEMPFAIL,
                         "%s(%ld): Recipient addresses must be specified on the command "
                         "line or via the -t option",
                         who, uid);
    if (!sendmail_read(c->arena, 0, mail, &c->options, &records, &err))
        log_fatal_status(err.kind == ERROR_TEMPORARY     ? EX_DATAERR
                         : strcmp(err.dsn, "5.3.4") == 0 ? EX_UNAVAILABLE
                                                         : EX_TEMPFAIL,
                         "%s(%ld): %s", who, uid, err.text);
    int status = submission_send(c->arena, mail, records, &reason, NULL);

    if (status != EX_OK)
        log_fatal_status(status, "%s(%ld): %s", who, uid,
                         reason[0] != 0 ? reason : "message not accepted");
    if (c->options.trace_flags != 0) {
        struct passwd *pw = getpwuid((uid_t)uid);

        printf("Mail Delivery Status Report will be mailed to <%s>.\n", c->has_sender ? who
                                                                        : pw != NULL
                                                                            ? pw->pw_name
                                                                            : who);
    }
    return EX_OK;
}

// compat: before -V meant an envelope ID it meant what -XV means, and does so where the ID
// would have two characters, be it that the next option is taken for it.
static void modernize_verp(struct call *c, char **argv)
{
    int i = optind;

    while (argv[i] != NULL && (argv[i][0] != '-' || argv[i][1] == 0))
        i++;
    if (argv[i] == NULL || strncmp(argv[i], "-V", 2) != 0)
        return;
    const char *value = argv[i] + 2, *next = argv[i + 1];

    if (strlen(value) != 2 && (value[0] != 0 || next == NULL || strlen(next) != 2))
        return;
    log_warn("option %s is deprecated with Postfix 2.3; specify -X%s instead", argv[i],
             argv[i] + 1);
    argv[i] = arena_printf(c->arena, "-XV%s", value);
}

static int next_option(struct call *c, int argc, char **argv)
{
    modernize_verp(c, argv);
    return getopt(argc, argv, "A:B:C:F:GIL:N:O:R:UV:X:b:ce:f:h:imno:p:r:q::tvx");
}

static void parse_options(struct call *c, int argc, char **argv)
{
    int letter;

    while ((letter = next_option(c, argc, argv)) > 0)
        set_option(c, letter, optarg);
    if (c->verbose > 0)
        c->options.trace_flags |= TRACE_RECORD;
    if (c->verbose > 1)
        log_set_verbosity(c->verbose - 1);
}

static const char *config_folder(struct arena *arena, const char *arg)
{
    size_t len = arg == NULL ? 0 : strlen(arg);

    if (len > 8 && strcmp(arg + len - 8, "/main.cf") == 0)
        return arena_text(arena, str_n(arg, len - 8));
    return arg;
}

static int run(struct call *c, struct config *config, char **args)
{
    const struct mail_config *mail = config_mail(config);
    struct sendmail_config cfg;
    struct error err;

    switch (c->mode) {
    case MODE_LIST:
        sendmail_run_queue_list(c->arena, mail);
    case MODE_QUEUE:
        sendmail_run_queue(c->arena, mail, c->queue_argument);
    case MODE_ALIASES:
        sendmail_run_newaliases(c->arena, mail,
                                c->alias_database != NULL ? c->alias_database
                                                          : mail->alias_database);
    case MODE_SMTP:
        sendmail_run_smtp(c->arena, mail);
    case MODE_DAEMON:
        sendmail_run_daemon(c->arena, mail);
    case MODE_NONE:
        return EX_OK;
    case MODE_MAIL:
        break;
    }
    if (!config_load(config, sendmail_params, &cfg, &err))
        log_fatal_status(EX_CONFIG, "%s", err.text);
    check_verp(c, mail, &cfg);
    c->options.fix = find_fix(cfg.sendmail_fix_line_endings);
    find_sender(c);
    if (c->options.verp[0] != 0 && c->options.sender[0] == 0)
        log_fatal_status(EX_TEMPFAIL, "(%ld): -V option requires non-null sender address",
                         (long)getuid());
    add_rcpts(c, args);
    return send_message(c, mail);
}

static const char help[] =
    "usage: sendmail [options] [recipient...]\n"
    "Takes a message on standard input, with blank line between header and body.\n"
    "  -t       recipients from the header too       -f addr  sender    -F name  its name\n"
    "  -i       a lone dot does not end the message  -G       from outside\n"
    "  -N list  when to report (success,failure,delay,never)    -R full|hdrs  what\n"
    "  -V id    envelope ID    -XV  one sender address for each recipient\n"
    "  -bp, mailq       list the queue     -bi, newaliases  rebuild alias tables\n"
    "  -bs      SMTP on standard input     -bv  report what delivery would do\n"
    "  -q, -qIid, -qRsite  deliver what is queued, one message, all for a site\n";

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash != NULL ? slash + 1 : argv[0];
    struct call c = {
        .arena = arena_new(),
        .options = {.envelope_id = "", .encoding = "", .verp = "", .sender = ""},
        .mode = MODE_MAIL
    };
    struct error err;

    help_if_asked(argc, argv, help);
    log_open(arena_printf(c.arena, "postfix/%s", name), LOG_TO_STDERR | LOG_TO_SYSLOG, 0);
    log_set_fatal_pause(false);
    if (strcmp(name, "mailq") == 0)
        c.mode = MODE_LIST;
    else if (strcmp(name, "newaliases") == 0)
        c.mode = MODE_ALIASES;
    parse_options(&c, argc, argv);
    struct config *config =
        config_open(config_folder(c.arena, c.config_dir), NULL, 0, &err);

    if (config == NULL)
        log_fatal_status(EX_CONFIG, "%s", err.text);
    maillog_open_command(
        config_mail(config),
        arena_printf(c.arena, "%s/%s", config_mail(config)->syslog_name, name), true);
    return run(&c, config, argv + optind);
}
