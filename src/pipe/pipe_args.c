// pipe_args: what master.cf says behind "pipe".
#include "pipe/pipe_args.h"
#include "util/buf.h"

static const struct {
    char letter;
    unsigned flag;
} flag_letters[] = {
    {'B', PIPE_BLANK_END   },
    {'D', PIPE_DELIVERED_TO},
    {'F', PIPE_FROM_LINE   },
    {'O', PIPE_ORIGINAL_TO },
    {'R', PIPE_RETURN_PATH },
    {'X', PIPE_FINAL       },
    {'h', PIPE_FOLD_DOMAIN },
    {'q', PIPE_QUOTE_LOCAL },
    {'u', PIPE_FOLD_USER   },
    {'.', PIPE_STUFF_DOTS  },
    {'>', PIPE_QUOTE_FROM  },
};

static bool parse_flags(const char *text, unsigned *flags, struct error *err)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (i < COUNT(flag_letters) && flag_letters[i].letter != *text)
            i++;
        if (i == COUNT(flag_letters))
            return error_config(err, "unknown flag: %c (ignored)", *text);
        *flags |= flag_letters[i].flag;
    }
    return true;
}

struct str pipe_unescape(struct arena *arena, const char *text)
{
    static const char names[] = "abfnrtv\\";
    static const char values[] = "\a\b\f\n\r\t\v\\";
    struct buf *out = buf_make(arena, strlen(text) + 1);

    while (*text != '\0') {
        char c = *text++;

        if (c == '\\' && *text >= '0' && *text <= '7') {
            int value = 0;

            for (int digits = 0; digits < 3 && *text >= '0' && *text <= '7'; digits++)
                value = value * 8 + (*text++ - '0');
            c = (char)value;
        } else if (c == '\\' && *text != '\0') {
            const char *name = strchr(names, *text);

            c = name != NULL ? values[name - names] : *text;
            text++;
        }
        buf_put(out, str_n(&c, 1));
    }
    return buf_view(out);
}

static bool parse_user(struct arena *arena, const char *value, struct pipe_args *args)
{
    const char *colon = strchr(value, ':');

    args->user =
        colon == NULL ? value : arena_text(arena, str_n(value, (size_t)(colon - value)));
    args->group = colon == NULL ? NULL : colon + 1;
    return args->user[0] != '\0' && (args->group == NULL || args->group[0] != '\0');
}

static bool parse_one(struct arena *arena, const char *name, const char *value,
                      struct pipe_args *args, struct error *err)
{
    if (strcmp(name, "flags") == 0)
        return parse_flags(value, &args->flags, err);
    if (strcmp(name, "user") == 0)
        return parse_user(arena, value, args) || error_config(err, "bad user=%s", value);
    if (strcmp(name, "eol") == 0)
        args->eol = pipe_unescape(arena, value);
    else if (strcmp(name, "null_sender") == 0)
        args->null_sender = value;
    else if (strcmp(name, "directory") == 0)
        args->directory = value;
    else if (strcmp(name, "chroot") == 0)
        args->chroot_dir = value;
    else if (strcmp(name, "size") == 0)
        return (str_to_long(str_c(value), &args->size_limit) && args->size_limit >= 0) ||
               error_config(err, "bad size=%s", value);
    else
        return error_config(err, "unknown attribute name: %s", name);
    return true;
}

// "{ a b }" around a word with blanks has done its work.
static const char *unbraced(struct arena *arena, const char *word)
{
    struct str inner;

    return text_unbrace(str_c(word), &inner) ? arena_text(arena, inner) : word;
}

bool pipe_args_parse(struct arena *arena, const struct text_list *words,
                     struct pipe_args *args, struct error *err)
{
    *args = (struct pipe_args){.null_sender = "MAILER-DAEMON", .eol = STR_LIT("\n")};
    for (size_t i = 0; i < words->len; i++) {
        const char *word = unbraced(arena, words->items[i]);
        const char *equals = strchr(word, '=');

        if (equals == NULL)
            return error_config(err, "unknown attribute name: %s", word);
        if (strncmp(word, "argv=", 5) == 0) {
            if (word[5] != '\0')
                text_list_add(arena, &args->argv, unbraced(arena, word + 5));
            while (++i < words->len)
                text_list_add(arena, &args->argv, unbraced(arena, words->items[i]));
        } else if (!parse_one(arena,
                              arena_text(arena, str_n(word, (size_t)(equals - word))),
                              equals + 1, args, err)) {
            return false;
        }
    }
    if (args->user == NULL)
        return error_config(err, "missing user= command-line attribute");
    if (args->argv.len == 0)
        return error_config(err, "missing argv= command-line attribute");
    return true;
}
