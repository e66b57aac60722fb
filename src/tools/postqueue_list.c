// postqueue_list: the queue as mailq(1) shows it, or as JSON.
#include "tools/postqueue_list.h"
#include "util/text.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REASON_COLUMN 78
#define VALUE_MAX 100000

// ---- JSON
// ---------------------------------------------------------------------------------------

static void put_json_text(FILE *out, const char *text)
{
    static const char escapes[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";

    putc('"', out);
    if (!utf8_is_valid(str_c(text))) {
        // Bytes that are no text at all are shown as the characters of their number.
        for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++)
            fprintf(out,
                    *p < ' ' || *p >= 0x7f || *p == '"' || *p == '\\' ? "\\u%04X" : "%c",
                    *p);
        putc('"', out);
        return;
    }
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        const char *known = strchr(escapes, *p);

        if (known != NULL)
            fprintf(out, "\\%c", letters[known - escapes]);
        else if (*p < ' ' || *p == 0x7f)
            fprintf(out, "\\u%04X", *p);
        else
            putc(*p, out);
    }
    putc('"', out);
}

static void put_json_pair(FILE *out, const char *name, const char *value)
{
    fprintf(out, "\"%s\": ", name);
    put_json_text(out, value);
}

// ---- the two forms
// ----------------------------------------------------------------------------

static void forget_reason(struct listing *l)
{
    free(l->last_reason);
    l->last_reason = NULL;
}

static void text_message(struct listing *l, const char *queue, const char *id,
                         int64_t arrival, int64_t size, bool forced_expire,
                         const char *sender)
{
    char name[80], when[32];
    time_t sec = (time_t)arrival;
    struct tm tm;

    if (l->messages == 0)
        fputs(l->long_ids ? "----Queue ID----- --Size-- ---Arrival Time---- "
                            "--Sender/Recipient------\n"
                          : "-Queue ID-  --Size-- ----Arrival Time---- "
                            "-Sender/Recipient-------\n",
              l->out);
    snprintf(name, sizeof(name), "%s%s%s", id,
             strcmp(queue, "active") == 0 ? "*"
             : strcmp(queue, "hold") == 0 ? "!"
                                          : "",
             forced_expire ? "#" : "");
    if (localtime_r(&sec, &tm) == NULL ||
        strftime(when, sizeof(when), "%a %b %e %T %Y", &tm) == 0)
        when[0] = '\0';
    fprintf(l->out, l->long_ids ? "%-17s %8lld %.19s  %s\n" : "%-11s %7lld %20.20s %s\n",
            name, (long long)size, when, sender);
}

static void json_message(struct listing *l, const char *queue, const char *id,
                         int64_t arrival, int64_t size, bool forced_expire,
                         const char *sender)
{
    putc('{', l->out);
    put_json_pair(l->out, "queue_name", queue);
    fputs(", ", l->out);
    put_json_pair(l->out, "queue_id", id);
    fprintf(l->out,
            ", \"arrival_time\": %lld, \"message_size\": %lld, \"forced_expire\": %s, ",
            (long long)arrival, (long long)size, forced_expire ? "true" : "false");
    put_json_pair(l->out, "sender", sender);
    fputs(", \"recipients\": [", l->out);
}

void listing_message(struct listing *l, const char *queue, const char *id, int64_t arrival,
                     int64_t size, bool forced_expire, const char *sender)
{
    (l->as_json ? json_message : text_message)(l, queue, id, arrival, size, forced_expire,
                                               sender);
    l->messages++;
    l->bytes += (long)size;
    l->in_message = true;
    l->had_rcpt = false;
    forget_reason(l);
}

static void text_rcpt(struct listing *l, const char *address, const char *reason)
{
    // A recipient without a reason must not seem to have that of the one above.
    if (reason[0] == '\0' && l->last_reason != NULL)
        reason = "reason unavailable";
    if (reason[0] != '\0' &&
        (l->last_reason == NULL || strcmp(l->last_reason, reason) != 0)) {
        int width = REASON_COLUMN - 2;
        int pad = width - (int)strlen(reason);

        fprintf(l->out, "%*s(%s)\n", pad > 0 ? pad : 0, "", reason);
        forget_reason(l);
        l->last_reason = mem_strdup(reason);
    }
    fprintf(l->out, "%*s%s\n", l->long_ids ? 47 : 41, "", address);
}

static void json_rcpt(struct listing *l, const char *address, const char *reason)
{
    fputs(l->had_rcpt ? ", {" : "{", l->out);
    put_json_pair(l->out, "address", address);
    if (reason[0] != '\0') {
        fputs(", ", l->out);
        put_json_pair(l->out, "delay_reason", reason);
    }
    putc('}', l->out);
}

void listing_rcpt(struct listing *l, const char *address, const char *reason)
{
    (l->as_json ? json_rcpt : text_rcpt)(l, address, reason);
    l->had_rcpt = true;
}

void listing_message_end(struct listing *l)
{
    fputs(l->as_json ? "]}\n" : "\n", l->out);
    l->in_message = false;
}

void listing_end(struct listing *l)
{
    forget_reason(l);
    if (l->as_json)
        return;
    if (l->messages == 0)
        fputs("Mail queue is empty\n", l->out);
    else
        fprintf(l->out, "-- %ld Kbytes in %ld Request%s.\n", l->bytes / 1024, l->messages,
                l->messages == 1 ? "" : "s");
}

// ---- the protocol of showq(8)
// -----------------------------------------------------------------------

struct reader {
    FILE *in;
    char *name, *value;
    size_t name_size, value_size;
};

enum got { GOT_PAIR, GOT_END, GOT_NOTHING };

static bool read_text(FILE *in, char **text, size_t *size)
{
    ssize_t len = getdelim(text, size, '\0', in);

    return len > 0 && len < VALUE_MAX && (*text)[len - 1] == '\0';
}

static enum got read_pair(struct reader *r)
{
    if (!read_text(r->in, &r->name, &r->name_size))
        return GOT_NOTHING;
    if (r->name[0] == '\0')
        return GOT_END;
    return read_text(r->in, &r->value, &r->value_size) ? GOT_PAIR : GOT_NOTHING;
}

static bool read_named(struct reader *r, const char *name)
{
    return read_pair(r) == GOT_PAIR && strcmp(r->name, name) == 0;
}

static bool read_number(struct reader *r, const char *name, long *value)
{
    return read_named(r, name) && str_to_long(str_c(r->value), value);
}

// Attributes that we do not know, newer ones perhaps, are skipped.
static bool read_rcpts(struct reader *r, struct listing *l)
{
    char *address = NULL;
    enum got got;

    while ((got = read_pair(r)) == GOT_PAIR) {
        if (strcmp(r->name, "recipient") == 0) {
            if (address != NULL)
                listing_rcpt(l, address, "");
            free(address);
            address = mem_strdup(r->value);
        } else if (strcmp(r->name, "reason") == 0 && address != NULL) {
            listing_rcpt(l, address, r->value);
            free(address);
            address = NULL;
        }
    }
    if (address != NULL)
        listing_rcpt(l, address, "");
    free(address);
    listing_message_end(l);
    return got == GOT_END;
}

// The rest of a message whose queue name stands in r->value.
static bool read_message(struct reader *r, struct listing *l)
{
    char queue[64], id[80];
    long arrival, size, forced;

    snprintf(queue, sizeof(queue), "%s", r->value);
    if (!read_named(r, "queue_id"))
        return false;
    snprintf(id, sizeof(id), "%s", r->value);
    if (!read_number(r, "time", &arrival) || !read_number(r, "size", &size) ||
        !read_number(r, "forced_expire", &forced) || !read_named(r, "sender"))
        return false;
    listing_message(l, queue, id, arrival, size, forced != 0, r->value);
    return read_rcpts(r, l);
}

static bool read_all(struct reader *r, struct listing *l)
{
    enum got got;

    if (!read_named(r, "protocol") || strcmp(r->value, "mail_queue_list_protocol") != 0 ||
        read_pair(r) != GOT_END)
        return false;
    while ((got = read_pair(r)) == GOT_PAIR)
        if (strcmp(r->name, "queue_name") != 0 || !read_message(r, l))
            return false;
    return got == GOT_END;
}

bool listing_read(struct listing *l, int fd)
{
    struct reader r = {.in = fdopen(fd, "r")};

    if (r.in == NULL)
        return false;
    bool ok = read_all(&r, l);

    fclose(r.in);
    free(r.name);
    free(r.value);
    if (ok)
        listing_end(l);
    return ok;
}
