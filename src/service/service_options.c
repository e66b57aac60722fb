// service_options: the command line that every daemon understands.
#include "service/service_options.h"
#include <getopt.h>
#include <string.h>

#define OPTION_LETTERS "+:cdDi:lm:n:o:r:s:St:uvVz"

static bool parse_number(const char *text, char letter, long *value, struct error *err)
{
    long number;

    if (!str_to_long(str_c(text), &number) || number < 0)
        return error_config(err, "invalid -%c option value: %s", letter, text);
    *value = number;
    return true;
}

// "-o name=value" and "-o { name = value }" give the same.
static bool add_override(struct arena *arena, const char *text, struct text_list *list,
                         struct error *err)
{
    struct str inner = str_c(text);
    struct str name, value;

    if (text[0] == '{' && !text_unbrace(str_c(text), &inner))
        return error_config(err, "invalid \"-o %s\" option value: missing '}'", text);
    if (!text_split_pair(inner, &name, &value))
        return error_config(
            err, "invalid \"-o %s\" option value: missing '=' after attribute name", text);
    text_list_add(arena, list,
                  arena_printf(arena, "%.*s=%.*s", STR_FMT(name), STR_FMT(value)));
    return true;
}

static bool apply_option(struct arena *arena, int letter, const char *value,
                         struct service_options *opt, struct error *err)
{
    long ignored;

    switch (letter) {
    case 'c':
        opt->chroot = true;
        return true;
    case 'd': // no detaching: master's children never do
        return true;
    case 'D':
        opt->debug = true;
        return true;
    case 'i':
        return parse_number(value, 'i', &opt->max_idle, err);
    case 'l':
        opt->single = true;
        return true;
    case 'm':
        return parse_number(value, 'm', &opt->max_use, err);
    case 'n':
        opt->name = value;
        return true;
    case 'o':
        return add_override(arena, value, &opt->overrides, err);
    case 'r':
        return parse_number(value, 'r', &ignored, err);
    case 's':
        return parse_number(value, 's', &opt->sockets, err);
    case 'S':
        opt->stand_alone = true;
        return true;
    case 't':
        opt->transport = value;
        return true;
    case 'u':
        opt->unprivileged = true;
        return true;
    case 'v':
        opt->verbosity++;
        return true;
    case 'V':
        opt->log_stderr = true;
        return true;
    case 'z':
        opt->unlimited = true;
        return true;
    default:
        return error_config(err, "invalid option: %c", optopt);
    }
}

bool service_options_parse(struct arena *arena, int argc, char **argv, const char *program,
                           struct service_options *opt, struct error *err)
{
    int letter;

    *opt = (struct service_options){
        .name = program, .transport = "", .max_idle = -1, .max_use = -1, .sockets = 1};
    opterr = 0;
    optind = 1;
    while ((letter = getopt(argc, argv, OPTION_LETTERS)) != -1)
        if (!apply_option(arena, letter, optarg, opt, err))
            return false;
    for (int i = optind; i < argc; i++)
        text_list_add(arena, &opt->args, argv[i]);
    return true;
}
