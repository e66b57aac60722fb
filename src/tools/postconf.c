// postconf: shows and edits main.cf and master.cf.
#include "config/mail_config.h"
#include "paths.h"
#include "table/table.h"
#include "tools/postconf_bounce.h"
#include "tools/postconf_edit.h"
#include "tools/postconf_known.h"
#include "tools/postconf_print.h"
#include "util/help.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct options {
    char given[32]; // the letters, each once
    size_t given_len;
    unsigned print;   // enum print_flags
    unsigned classes; // enum known_class
    int mode;         // 'p', 'M', 'F', 'P', or a listing: 'm', 'l', 'a', 'A', 'u'
    int edit;         // 0, 'e', 'X', '#'
    bool quiet;
    const char *dir;
    struct text_list overrides;
};

static const struct {
    const char *name;
    unsigned class_bits;
} class_names[] = {
    {"builtin", KNOWN_BUILTIN},
    {"service", KNOWN_SERVICE},
    {"user",    KNOWN_USER   },
    {"all",     KNOWN_ALL    },
};

static _Noreturn void usage(void)
{
    log_fatal(
        "usage: postconf [-a (server SASL types)] [-A (client SASL types)] "
        "[-b (bounce templates)] [-c config_dir] [-C param_class] [-d (parameter "
        "defaults)] "
        "[-e (edit configuration)] [-f (fold lines)] [-F (master.cf fields)] "
        "[-h (no names)] [-H (no values)] [-j (JSON)] [-l (lock types)] [-m (map types)] "
        "[-M (master.cf)] [-n (non-default parameters)] "
        "[-o name=value (override parameter value)] [-p (main.cf, default)] "
        "[-P (master.cf parameters)] [-q (quiet)] [-t (bounce templates)] [-T mode] "
        "[-v (verbose)] "
        "[-x (expand parameter values)] [-X (exclude)] [-# (comment-out)] [name...]");
}

static unsigned parse_classes(const char *text)
{
    struct str rest = str_c(text), piece;
    unsigned classes = 0;

    while (str_take(&rest, ", ", &piece)) {
        unsigned found = 0;
        for (size_t i = 0; i < COUNT(class_names); i++)
            if (str_is_nocase(piece, class_names[i].name))
                found = class_names[i].class_bits;
        if (found == 0)
            log_fatal("unknown -C option value \"%.*s\" in \"%s\"", STR_FMT(piece), text);
        classes |= found;
    }
    return classes;
}

// ---- which options go together
// ------------------------------------------------------------------

// At most one of each group, named in this order when there are more.
static const char *const exclusive[] = {"aAlm", "FMpP", "hH", "den", "ef", "eh", "eH", "eo",
                                        "ex",   "e#",   "eX", "ej",  "dX", "nX", "oX", "xX",
                                        "fX",   "hX",   "HX", "jX",  "d#", "n#", "o#", "x#",
                                        "f#",   "h#",   "H#", "j#",  "X#", "hj", "Hj"};
// What does not go with an option.
static const struct {
    char letter;
    const char *excluded;
} exclusions[] = {
    {'a', "bCdefFhHjmMnopPtTxX#"},
    {'A', "bCdefFhHjmMnopPtTxX#"},
    {'l', "bCdefFhHjMnopPtTxX#" },
    {'m', "bCdefFhHjMnopPtTxX#" },
    {'b', "CdefFhHjMnopPTxX#"   },
    {'t', "CdefFhHjMnopPTxX#"   },
    {'T', "CdefFhHjMnopPxX#"    },
    {'F', "dnX#"                },
    {'M', "dhHn"                },
    {'P', "dn#"                 },
};

static bool is_given(const struct options *o, char letter)
{
    return memchr(o->given, letter, o->given_len) != NULL;
}

static void give(struct options *o, char letter)
{
    if (!is_given(o, letter) && o->given_len < sizeof(o->given))
        o->given[o->given_len++] = letter;
}

static void check_exclusive(const struct options *o)
{
    if (is_given(o, 'b') && is_given(o, 't'))
        log_fatal("specify one of -b and -t");
    for (size_t i = 0; i < COUNT(exclusive); i++) {
        char text[64] = "";
        size_t count = 0, len = 0;
        for (const char *p = exclusive[i]; *p != '\0'; p++)
            if (is_given(o, *p)) {
                len += (size_t)snprintf(text + len, sizeof(text) - len, " -%c", *p);
                count++;
            }
        if (count > 1)
            log_fatal("specify one of%s", text);
    }
    for (size_t i = 0; i < COUNT(exclusions); i++)
        for (const char *p = exclusions[i].excluded; *p != '\0'; p++)
            if (is_given(o, exclusions[i].letter) && is_given(o, *p))
                log_fatal("with option -%c, do not specify -%c", exclusions[i].letter, *p);
}

// Without TLS there is nothing to tell; a mode that Postfix does not know is its error too.
static _Noreturn void refuse_tls(const char *mode)
{
    static const char *const modes[] = {"compile-version", "run-version",
                                        "public-key-algorithms"};

    for (size_t i = 0; i < COUNT(modes); i++)
        if (strcmp(mode, modes[i]) == 0)
            log_fatal("-T %s: TLS support is not compiled in", mode);
    log_warn("unknown 'postconf -T' mode: %s", mode);
    exit(EXIT_FAILURE);
}

static void parse_options(struct options *o, struct arena *arena, int argc, char **argv)
{
    int c;

    while ((c = getopt(argc, argv, "aAbc:C:deEfFhHjlmMno:pPqtT:uvxX#")) != -1) {
        if (c != '?')
            give(o, (char)c);
        switch (c) {
        case 'a':
        case 'A':
        case 'b':
        case 'F':
        case 'l':
        case 'm':
        case 'M':
        case 'p':
        case 'P':
        case 't':
        case 'u':
            o->mode = c;
            break;
        case 'e':
        case 'X':
        case '#':
            o->edit = c;
            break;
        case 'c':
            o->dir = optarg;
            break;
        case 'C':
            o->classes = parse_classes(optarg);
            break;
        case 'd':
            o->print |= PRINT_DEFAULTS;
            break;
        case 'f':
            o->print |= PRINT_FOLD;
            break;
        case 'h':
            o->print |= PRINT_NO_NAME;
            break;
        case 'H':
            o->print |= PRINT_NO_VALUE;
            break;
        case 'j':
            o->print |= PRINT_JSON;
            break;
        case 'n':
            o->print |= PRINT_SET_ONLY;
            break;
        case 'o':
            if (strchr(optarg, '=') == NULL)
                log_fatal(
                    "invalid parameter override: %s: missing '=' after attribute name",
                    optarg);
            text_list_add(arena, &o->overrides, optarg);
            break;
        case 'q':
            o->quiet = true;
            break;
        case 'v':
            log_set_verbosity(log_verbosity() + 1);
            break;
        case 'x':
            o->print |= PRINT_EXPAND;
            break;
        case 'T':
            refuse_tls(optarg);
        default:
            usage();
        }
    }
}

static void check_options(struct options *o, char **args, int len)
{
    bool master = o->mode == 'M' || o->mode == 'F' || o->mode == 'P';

    for (int i = 0; o->edit != 'e' && (o->mode == 0 || o->mode == 'p' || master) && i < len;
         i++)
        if (strchr(args[i], '=') != NULL) { // a value says that it is meant to be set
            if (o->edit != 0)
                give(o, (char)o->edit);
            o->edit = 'e';
        }
    if (o->edit != 0)
        give(o, (char)o->edit);
    check_exclusive(o);
    if (o->edit == 'e' && len == 0)
        log_fatal("-e requires name=value argument");
    if (o->edit != 0 && len == 0)
        log_fatal("missing service argument");
}

static int list_words(const char *const *words, size_t len)
{
    for (size_t i = 0; i < len; i++)
        puts(words[i]);
    return EXIT_SUCCESS;
}

static void read_files(struct postconf *pc, const struct options *o)
{
    bool master_only = o->mode == 'M' || o->mode == 'F' || o->mode == 'P';
    struct error err;

    if (!(o->print & PRINT_DEFAULTS)) {
        const char *path = arena_printf(pc->arena, "%s/main.cf", pc->dir);
        if (!main_cf_read(pc->main, path, &err))
            log_fatal("%s", err.text);
        if (strcmp(pc->dir, RELAIS_CONFIG_DIR) != 0)
            main_cf_set(pc->main, "config_directory", pc->dir);
    }
    for (size_t i = 0; i < o->overrides.len; i++) {
        struct str name, value;
        if (!text_split_pair(str_c(o->overrides.items[i]), &name, &value))
            log_fatal("missing attribute name: \"%s\"", o->overrides.items[i]);
        main_cf_set(pc->main, arena_text(pc->arena, name), arena_text(pc->arena, value));
    }
    const char *path = arena_printf(pc->arena, "%s/master.cf", pc->dir);
    if (!master_cf_read_all(pc->arena, path, &pc->master, &err)) {
        if (master_only || access(path, R_OK) == 0)
            log_fatal("%s", err.text);
        log_warn("%s", err.text);
    }
    main_cf_on_default(pc->main, known_default_by_name, pc);
    known_collect(pc);
}

static void edit(struct postconf *pc, const struct options *o, char **args, size_t len)
{
    enum edit_action action = o->edit == 'e'   ? EDIT_SET
                              : o->edit == 'X' ? EDIT_REMOVE
                                               : EDIT_COMMENT;

    if (o->mode == 'M')
        edit_entries(pc, action, args, len);
    else if (o->mode == 'F')
        edit_fields(pc, args, len);
    else if (o->mode == 'P')
        edit_options(pc, action, args, len);
    else
        edit_main(pc, action, args, len);
}

static void list_unbuilt(const struct postconf *pc)
{
    for (size_t i = 0; i < pc->known_len; i++)
        if (pc->known[i].param != NULL && pc->known[i].param->kind == PARAM_KIND_UNBUILT)
            puts(pc->known[i].name);
}

static void show(struct postconf *pc, const struct options *o, char **args, size_t len)
{
    read_files(pc, o);
    if (o->mode == 'u')
        list_unbuilt(pc);
    else if (o->mode == 'M')
        print_master(pc, o->print, args, len);
    else if (o->mode == 'F')
        print_fields(pc, o->print, args, len);
    else if (o->mode == 'P')
        print_options(pc, o->print, args, len);
    else
        print_main(pc, o->print, o->classes, args, len);
    if (!o->quiet && !(o->print & PRINT_DEFAULTS) && o->mode != 'u')
        known_warn(pc, o->mode == 'M' || o->mode == 'F' || o->mode == 'P');
}

static const char help[] =
    "usage: postconf [options] [name...]\n"
    "Shows and changes main.cf (parameters) and master.cf (services).\n"
    "  (none)  all parameters          -n  those set in main.cf     -d  built-in defaults\n"
    "  -M -F -P  services, their fields, their parameters (SERVICE/TYPE/NAME)\n"
    "  -e name=value   change          -X name  remove              -# name  comment out\n"
    "  -x  expand $name   -f  fold     -h  values only              -H  names only\n"
    "  -j  JSON           -q  quiet    -C class  builtin, service, user, all\n"
    "  -o name=value  override for this listing                     -c dir  folder\n"
    "  -m  table types    -l  locks    -a -A  SASL server, client   -T mode  TLS\n"
    "  -b -t [file]  bounce texts, expanded or as written\n"
    "  --unbuilt  parameters whose feature this version lacks\n";

int main(int argc, char **argv)
{
    static const char *const locks[] = {"flock", "fcntl", "dotlock"};
    struct arena *arena = arena_new();
    struct options o = {.classes = KNOWN_ALL};
    struct postconf pc = {.arena = arena, .main = main_cf_new()};
    const char *const *types;
    size_t len;

    help_if_asked(argc, argv, help);
    log_open("postconf", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--unbuilt") == 0) {
            static char unbuilt[] = "-u";
            argv[i] = unbuilt;
        }
    parse_options(&o, arena, argc, argv);
    argv += optind;
    argc -= optind;
    check_options(&o, argv, argc);
    if (o.dir == NULL)
        o.dir = getenv("MAIL_CONFIG");
    pc.dir = o.dir == NULL ? RELAIS_CONFIG_DIR : o.dir;
    switch (o.mode) {
    case 'm':
        types = table_type_names(&len);
        return list_words(types, len);
    case 'l':
        return list_words(locks, COUNT(locks));
    case 'b':
    case 't':
        return print_bounce_templates(o.dir, argc > 0 ? argv[0] : NULL, o.mode == 'b');
    case 'a': // SASL plug-in types: none in this version
    case 'A':
        return EXIT_SUCCESS;
    default:
        break;
    }
    if (o.edit != 0)
        edit(&pc, &o, argv, (size_t)argc);
    else
        show(&pc, &o, argv, (size_t)argc);
    if (fflush(stdout) != 0)
        log_fatal("write standard output: %m");
    main_cf_free(pc.main);
    arena_free(arena);
    return EXIT_SUCCESS;
}
