// esmtp_param: the parameters behind MAIL FROM and RCPT TO (RFC 5321 4.1.1.11, RFC 3461).
#include "proto/esmtp_param.h"
#include "proto/xtext.h"

static const struct {
    const char *name;
    int bit;
} notify_words[] = {
    {"NEVER",   DSN_NEVER  },
    {"SUCCESS", DSN_SUCCESS},
    {"FAILURE", DSN_FAILURE},
    {"DELAY",   DSN_DELAY  },
};

bool esmtp_param_take(struct str *rest, struct esmtp_param *param)
{
    if (!str_take(rest, " \t", &param->whole))
        return false;
    size_t at = str_index(param->whole, '=');

    param->has_value = at != SIZE_MAX;
    param->name = param->has_value ? str_sub(param->whole, 0, at) : param->whole;
    param->value = param->has_value ? str_from(param->whole, at + 1) : str_n("", 0);
    return true;
}

static int notify_bit(struct str word)
{
    for (size_t i = 0; i < COUNT(notify_words); i++)
        if (str_is_nocase(word, notify_words[i].name))
            return notify_words[i].bit;
    return 0;
}

bool dsn_notify_parse(struct str value, int *mask)
{
    struct str word;
    int bits = 0;

    while (str_split(&value, ',', &word)) {
        int bit = notify_bit(word);

        if (bit == 0 || (bits & bit))
            return false;
        bits |= bit;
    }
    if (bits == 0 || ((bits & DSN_NEVER) && bits != DSN_NEVER))
        return false;
    *mask = bits;
    return true;
}

const char *dsn_notify_format(struct arena *arena, int mask)
{
    const char *text = NULL;

    for (size_t i = 0; i < COUNT(notify_words); i++) {
        if (!(mask & notify_words[i].bit))
            continue;
        text = text == NULL ? notify_words[i].name
                            : arena_printf(arena, "%s,%s", text, notify_words[i].name);
    }
    return text;
}

bool dsn_ret_parse(struct str value, int *ret)
{
    if (str_is_nocase(value, "FULL"))
        *ret = DSN_RET_FULL;
    else if (str_is_nocase(value, "HDRS"))
        *ret = DSN_RET_HDRS;
    else
        return false;
    return true;
}

static bool is_printable(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 32 || *text == 127)
            return false;
    return true;
}

bool dsn_orcpt_parse(struct arena *arena, struct str value, const char **orcpt)
{
    size_t at = str_index(value, ';');
    const char *address;

    if (at == SIZE_MAX || at == 0 || at + 1 == value.len)
        return false;
    struct str type = str_sub(value, 0, at), coded = str_from(value, at + 1);

    for (size_t i = 0; i < type.len; i++)
        if (type.ptr[i] <= ' ' || type.ptr[i] > '~')
            return false;
    if (str_is_nocase(type, "utf-8") ? !uxtext_decode(arena, coded, &address)
                                     : !xtext_decode(arena, coded, &address))
        return false;
    if (!is_printable(address))
        return false;
    *orcpt = arena_printf(arena, "%.*s;%s", STR_FMT(type), address);
    return true;
}

bool dsn_envid_parse(struct arena *arena, struct str value, const char **envid)
{
    const char *text;

    if (value.len == 0 || value.len > 100 || !xtext_decode(arena, value, &text) ||
        !is_printable(text))
        return false;
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p > 126)
            return false;
    *envid = text;
    return true;
}
