// header: what the names of header fields mean.
#include "cleanup/header.h"
#include "util/buf.h"
#include "util/text.h"
#include <strings.h>

#define SENDER HEADER_HAS_SENDER
#define RCPTS HEADER_HAS_RCPTS
#define RESENT HEADER_IS_RESENT
#define MIME HEADER_IS_MIME
#define EXTRACT HEADER_EXTRACT

static const struct {
    const char *name;
    enum header_kind kind;
    unsigned traits;
} known[] = {
    {"apparently-to",               HEADER_OTHER,              RCPTS                   },
    {"bcc",                         HEADER_BCC,                RCPTS | EXTRACT         },
    {"cc",                          HEADER_CC,                 RCPTS | EXTRACT         },
    {"content-transfer-encoding",   HEADER_CONTENT_ENCODING,   MIME                    },
    {"content-type",                HEADER_CONTENT_TYPE,       MIME                    },
    {"date",                        HEADER_DATE,               0                       },
    {"disposition-notification-to", HEADER_SENDER_LIKE,        SENDER                  },
    {"errors-to",                   HEADER_SENDER_LIKE,        SENDER                  },
    {"from",                        HEADER_FROM,               SENDER                  },
    {"mail-followup-to",            HEADER_SENDER_LIKE,        SENDER                  },
    {"message-id",                  HEADER_MESSAGE_ID,         0                       },
    {"mime-version",                HEADER_MIME_OTHER,         MIME                    },
    {"received",                    HEADER_RECEIVED,           0                       },
    {"reply-to",                    HEADER_SENDER_LIKE,        SENDER                  },
    {"resent-bcc",                  HEADER_RESENT_BCC,         RCPTS | RESENT | EXTRACT},
    {"resent-cc",                   HEADER_RESENT_CC,          RCPTS | RESENT | EXTRACT},
    {"resent-date",                 HEADER_RESENT_DATE,        RESENT                  },
    {"resent-from",                 HEADER_RESENT_FROM,        SENDER | RESENT         },
    {"resent-message-id",           HEADER_RESENT_MESSAGE_ID,  RESENT                  },
    {"resent-reply-to",             HEADER_RESENT_SENDER_LIKE, SENDER | RESENT         },
    {"resent-sender",               HEADER_RESENT_SENDER_LIKE, SENDER | RESENT         },
    {"resent-to",                   HEADER_RESENT_TO,          RCPTS | RESENT | EXTRACT},
    {"return-receipt-to",           HEADER_SENDER_LIKE,        SENDER                  },
    {"sender",                      HEADER_SENDER_LIKE,        SENDER                  },
    {"to",                          HEADER_TO,                 RCPTS | EXTRACT         },
};

struct header_class header_classify(struct str name)
{
    for (size_t i = 0; i < COUNT(known); i++)
        if (str_is_nocase(name, known[i].name))
            return (struct header_class){known[i].kind, known[i].traits};
    if (str_starts_nocase(name, "content-"))
        return (struct header_class){HEADER_MIME_OTHER, HEADER_IS_MIME};
    return (struct header_class){HEADER_OTHER, 0};
}

char *header_unfold(struct arena *arena, struct str text, size_t max)
{
    size_t len = text.len < max ? text.len : max;
    char *flat = arena_text(arena, str_sub(text, 0, len)), *to = flat;

    for (size_t i = 0; i < len; i++)
        *to++ = flat[i] == '\n' || flat[i] == 0 ? ' ' : flat[i];
    *to = 0;
    return flat;
}

// Takes one list element: up to a comma outside quotes, comments and brackets.
static bool take_element(struct str *rest, struct str *element)
{
    size_t i = 0;
    int comment = 0;
    bool quoted = false, bracket = false;

    if (rest->len == 0)
        return false;
    for (; i < rest->len; i++) {
        char c = rest->ptr[i];

        if (c == '\\' && i + 1 < rest->len && (quoted || comment > 0))
            i++;
        else if (c == '"' && comment == 0)
            quoted = !quoted;
        else if (!quoted && c == '(')
            comment++;
        else if (!quoted && c == ')' && comment > 0)
            comment--;
        else if (!quoted && comment == 0 && (c == '<' || c == '>'))
            bracket = c == '<';
        else if (c == ',' && !quoted && comment == 0 && !bracket)
            break;
    }
    bool comma = i < rest->len;

    *element = str_sub(*rest, 0, i);
    *rest = str_from(*rest, comma ? i + 1 : i);
    return true;
}

// compat: the TAB of a continuation line is not counted.
#define FOLD_AT 69u

// Appends `text` with each run of white space that folds a line as one blank.
static void put_flat(struct buf *out, struct str text)
{
    text = str_trim(text);
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] != '\n') {
            buf_put(out, str_sub(text, i, 1));
            continue;
        }
        buf_put(out, STR_LIT(" "));
        while (i + 1 < text.len && ascii_is_space(text.ptr[i + 1]))
            i++;
    }
}

char *header_fold_addresses(struct arena *arena, size_t name_len, struct str value)
{
    struct buf *out = buf_make(arena, value.len * 3 + 64);
    struct buf *piece = buf_make(arena, value.len * 2 + 64);
    struct str element;
    size_t column = name_len;
    bool first = true, more = true;

    while (more && take_element(&value, &element)) {
        more = value.len > 0;
        buf_clear(piece);
        put_flat(piece, element);
        size_t len = buf_len(piece) + (more ? 1 : 0);

        if (!first && column + 1 + len > FOLD_AT) {
            buf_put_c(out, "\n\t");
            column = 0;
        } else {
            buf_put_c(out, " ");
            column++;
        }
        buf_put(out, buf_view(piece));
        if (more)
            buf_put_c(out, ",");
        column += len;
        first = false;
    }
    return arena_text(arena, buf_view(out));
}
