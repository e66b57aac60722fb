// smtp_data: message content as it comes in by DATA or BDAT: line ends, dots, end of data.
#include "proto/smtp_data.h"

void smtp_data_begin(struct smtp_data *d, enum smtp_eol eol, bool has_dots)
{
    *d = (struct smtp_data){.eol = eol, .has_dots = has_dots};
}

struct output {
    char *ptr;
    size_t len;
};

static void put(struct output *out, const char *data, size_t len)
{
    memcpy(out->ptr + out->len, data, len);
    out->len += len;
}

static void end_line(struct smtp_data *d, struct output *out, bool is_bare)
{
    out->ptr[out->len++] = '\n';
    d->size++; // for the CR
    d->after_bare_lf = is_bare;
    d->saw_bare_lf |= is_bare;
    d->state = SMTP_DATA_LINE;
}

// Text up to the next LF, in one copy.
static size_t take_text(struct smtp_data *d, struct str in, struct output *out)
{
    const char *lf = memchr(in.ptr, '\n', in.len);
    size_t len = lf == NULL ? in.len : (size_t)(lf - in.ptr);
    bool has_cr = len > 0 && in.ptr[len - 1] == '\r';

    put(out, in.ptr, len - has_cr);
    if (lf != NULL) {
        end_line(d, out, !has_cr);
        return len + 1;
    }
    d->state = has_cr ? SMTP_DATA_TEXT_CR : SMTP_DATA_TEXT;
    return len;
}

// A lone dot ended by LF (or CR LF). Unless it is the end of data, the dot is dropped as
// that of any other line (RFC 5321 4.5.2), which leaves an empty line.
static void end_dot_line(struct smtp_data *d, struct output *out, bool is_bare)
{
    if (d->eol == SMTP_EOL_ANY || (!d->after_bare_lf && !is_bare)) {
        d->saw_bare_lf |= is_bare;
        d->state = SMTP_DATA_END;
    } else {
        end_line(d, out, is_bare);
    }
}

size_t smtp_data_decode(struct smtp_data *d, struct str in, char *out_ptr, size_t *out_len)
{
    struct output out = {.ptr = out_ptr};
    size_t at = 0;

    while (at < in.len && d->state != SMTP_DATA_END) {
        char c = in.ptr[at];

        switch (d->state) {
        case SMTP_DATA_LINE:
            if (c == '.' && d->has_dots) {
                d->state = SMTP_DATA_DOT;
                at++;
                break;
            }
            // fall through
        case SMTP_DATA_TEXT:
            at += take_text(d, str_from(in, at), &out);
            break;
        case SMTP_DATA_DOT:
            d->state = SMTP_DATA_TEXT;
            if (c == '\r') {
                d->state = SMTP_DATA_DOT_CR;
                at++;
            } else if (c == '\n') {
                end_dot_line(d, &out, true);
                at++;
            }
            break;
        case SMTP_DATA_DOT_CR:
            if (c == '\n') {
                end_dot_line(d, &out, false);
                at++;
            } else {
                put(&out, "\r", 1);
                d->state = SMTP_DATA_TEXT;
            }
            break;
        case SMTP_DATA_TEXT_CR:
            if (c == '\n') {
                end_line(d, &out, false);
                at++;
            } else {
                put(&out, "\r", 1);
                d->state = SMTP_DATA_TEXT;
            }
            break;
        case SMTP_DATA_END:
            break;
        }
    }
    d->size += (int64_t)out.len;
    *out_len = out.len;
    return at;
}

void smtp_data_finish(struct smtp_data *d, char out_ptr[SMTP_DATA_EXTRA], size_t *out_len)
{
    struct output out = {.ptr = out_ptr};

    if (d->state == SMTP_DATA_TEXT_CR)
        put(&out, "\r", 1);
    if (d->state != SMTP_DATA_LINE && d->state != SMTP_DATA_END)
        end_line(d, &out, false);
    d->size += (int64_t)out.len;
    d->state = SMTP_DATA_END;
    *out_len = out.len;
}
