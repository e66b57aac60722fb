// pipe_macros: ${recipient} and the like in pipe(8)'s argument vector.
#include "pipe/pipe_macros.h"
#include "config/main_cf.h"
#include "mail/address.h"
#include "mail/mail_copy.h"
#include "table/maps.h"
#include <inttypes.h>

struct expansion {
    struct arena *arena;
    const struct pipe_args *args;
    const struct delivery_request *req;
    const char *delimiters;
    size_t rcpt;
    bool is_per_rcpt;    // such a macro came up
    const char *unknown; // name that does not exist
};

// An address in the case and quoting that the flags ask for.
static const char *dress(const struct expansion *e, const char *address)
{
    struct arena *arena = e->arena;
    struct str local, domain;

    address_split(str_c(address), &local, &domain);
    const char *user = (e->args->flags & PIPE_FOLD_USER) ? arena_lower(arena, local)
                                                         : arena_text(arena, local);
    const char *host = (e->args->flags & PIPE_FOLD_DOMAIN) ? arena_lower(arena, domain)
                                                           : arena_text(arena, domain);
    const char *whole = domain.len > 0 ? arena_printf(arena, "%s@%s", user, host) : user;
    return (e->args->flags & PIPE_QUOTE_LOCAL) ? address_quote(arena, whole) : whole;
}

static const char *fold_domain(const struct expansion *e, struct str domain)
{
    return (e->args->flags & PIPE_FOLD_DOMAIN) ? arena_lower(e->arena, domain)
                                               : arena_text(e->arena, domain);
}

// The local part's pieces: 'm'ailbox, 'u'ser, 'e'xtension.
static const char *local_piece(const struct expansion *e, char piece)
{
    struct str local, domain;

    address_split(str_c(e->req->rcpts[e->rcpt].address), &local, &domain);
    const char *text = (e->args->flags & PIPE_FOLD_USER) ? arena_lower(e->arena, local)
                                                         : arena_text(e->arena, local);
    const char *ext = piece == 'm' ? NULL : extension_find(text, e->delimiters);
    if (piece == 'e')
        return ext == NULL ? "" : ext + 1;
    return ext == NULL ? text : arena_text(e->arena, str_n(text, (size_t)(ext - text)));
}

static const char *rcpt_domain(const struct expansion *e)
{
    struct str local, domain;

    address_split(str_c(e->req->rcpts[e->rcpt].address), &local, &domain);
    return fold_domain(e, domain);
}

static const char *original(const struct expansion *e)
{
    const struct delivery_rcpt *rcpt = &e->req->rcpts[e->rcpt];

    return dress(e, rcpt->orig[0] != '\0' ? rcpt->orig : rcpt->address);
}

static const char *sender(const struct expansion *e)
{
    const char *address = e->req->sender[0] != '\0' ? e->req->sender : e->args->null_sender;

    if (address[0] == '\0' || !(e->args->flags & PIPE_QUOTE_LOCAL))
        return address;
    return address_quote(e->arena, address);
}

static const char *per_rcpt_value(const struct expansion *e, const char *name)
{
    if (strcmp(name, "recipient") == 0)
        return dress(e, e->req->rcpts[e->rcpt].address);
    if (strcmp(name, "original_recipient") == 0)
        return original(e);
    if (strcmp(name, "user") == 0)
        return local_piece(e, 'u');
    if (strcmp(name, "extension") == 0)
        return local_piece(e, 'e');
    if (strcmp(name, "mailbox") == 0)
        return local_piece(e, 'm');
    if (strcmp(name, "domain") == 0)
        return rcpt_domain(e);
    return NULL;
}

static const char *message_value(const struct expansion *e, const char *name)
{
    const struct delivery_request *req = e->req;
    const struct {
        const char *name, *value;
    } plain[] = {
        {"client_address",  req->client_address},
        {"client_helo",     req->client_helo   },
        {"client_hostname", req->client_name   },
        {"client_port",     req->client_port   },
        {"client_protocol", req->client_proto  },
        {"queue_id",        req->queue_id      },
        {"sasl_method",     req->sasl_method   },
        {"sasl_sender",     req->sasl_sender   },
        {"sasl_username",   req->sasl_username },
    };

    for (size_t i = 0; i < COUNT(plain); i++)
        if (strcmp(plain[i].name, name) == 0)
            return plain[i].value == NULL ? "" : plain[i].value;
    if (strcmp(name, "sender") == 0)
        return sender(e);
    if (strcmp(name, "nexthop") == 0)
        return fold_domain(e, str_c(req->nexthop));
    if (strcmp(name, "size") == 0)
        return arena_printf(e->arena, "%" PRId64, req->data_size);
    return NULL;
}

static const char *find_value(const char *name, void *ctx)
{
    struct expansion *e = ctx;
    const char *value = per_rcpt_value(e, name);

    if (value != NULL) {
        e->is_per_rcpt = true;
        return value;
    }
    value = message_value(e, name);
    if (value == NULL)
        e->unknown = arena_strdup(e->arena, name);
    return value;
}

bool pipe_argv_expand(struct arena *arena, const struct pipe_args *args,
                      const struct delivery_request *req, const char *recipient_delimiter,
                      const char *const **argv, struct error *err)
{
    struct expansion e = {
        .arena = arena, .args = args, .req = req, .delimiters = recipient_delimiter};
    struct text_list list = {0};

    for (size_t i = 0; i < args->argv.len; i++) {
        e.is_per_rcpt = false;
        for (e.rcpt = 0; e.rcpt == 0 || (e.is_per_rcpt && e.rcpt < req->rcpts_len);
             e.rcpt++) {
            const char *word;

            if (!text_expand(arena, args->argv.items[i], false, find_value, &e, &word, err))
                return false;
            if (e.unknown != NULL)
                return error_config(err, "unknown macro name: \"%s\"", e.unknown);
            if (word[0] != '\0' || !e.is_per_rcpt) // such as no $extension
                text_list_add(arena, &list, word);
        }
    }
    text_list_add(arena, &list, NULL);
    *argv = list.items;
    return true;
}
