// log_delivery: the one delivery status line that log analysers know.
#include "mail/log_delivery.h"
#include "mail/address.h"
#include "util/log.h"
#include <stdio.h>
#include <strings.h>

// Two significant digits are enough for a delay.
#define SIGNIFICANT_DIGITS 2

const char *log_address(const struct mail_config *cfg, struct arena *arena,
                        const char *internal)
{
    if (!address_needs_quotes(internal) ||
        strcmp(cfg->info_log_address_format, "internal") == 0)
        return internal;
    return address_quote(arena, internal);
}

void log_format_delay(char text[32], double seconds, long decimals_limit)
{
    int decimals = SIGNIFICANT_DIGITS - 1;
    double shown = seconds < 0 ? 0 : seconds;

    for (double scale = shown; scale >= 10; scale /= 10)
        decimals--;
    for (double scale = shown; scale > 0 && scale < 1; scale *= 10)
        decimals++;
    if (decimals < 0)
        decimals = 0;
    if (decimals > decimals_limit)
        decimals = (int)decimals_limit;
    int len = snprintf(text, 32, "%.*f", decimals, shown);

    if (decimals == 0 || len >= 32)
        return;
    while (len > 0 && text[len - 1] == '0')
        text[--len] = 0;
    if (len > 0 && text[len - 1] == '.')
        text[--len] = 0;
}

static bool is_set(struct moment m)
{
    return m.sec != 0;
}

static struct moment make_moment(int64_t sec, int64_t usec)
{
    return (struct moment){.sec = sec, .usec = (int32_t)usec};
}

static void format_delays(char text[192], const struct mail_config *cfg,
                          const struct delivery_request *req,
                          const struct delivery_times *times)
{
    struct moment arrival = make_moment(req->arrival_sec, req->arrival_usec);
    struct moment active = make_moment(req->active_sec, req->active_usec);
    struct moment agent = make_moment(req->agent_sec, req->agent_usec);
    struct moment end = times != NULL && is_set(times->end) ? times->end : moment_now();
    struct moment setup =
        times != NULL && is_set(times->conn_setup_done) ? times->conn_setup_done : agent;
    long limit = cfg->delay_logging_resolution_limit;
    char total[32], a[32], b[32], c[32], d[32];

    // A message that no queue manager has seen (cleanup bounces it).
    if (!is_set(active))
        active = agent = setup = end;
    log_format_delay(total, moment_diff(arrival, end), limit);
    log_format_delay(a, moment_diff(arrival, active), limit);
    log_format_delay(b, moment_diff(active, agent), limit);
    log_format_delay(c, moment_diff(agent, setup), limit);
    log_format_delay(d, moment_diff(setup, end), limit);
    snprintf(text, 192, "delay=%s, delays=%s/%s/%s/%s", total, a, b, c, d);
}

// Command output may have several lines.
static const char *one_line(struct arena *arena, const char *text)
{
    if (strchr(text, '\n') == NULL)
        return text;
    char *copy = arena_strdup(arena, text);

    for (char *c = copy; *c != 0; c++)
        if (*c == '\n')
            *c = ' ';
    return copy;
}

void log_delivery(const struct mail_config *cfg, const struct delivery_request *req,
                  const struct delivery_rcpt *rcpt, const char *relay, long conn_use,
                  const struct delivery_times *times, const char *dsn, const char *status,
                  const char *text)
{
    struct arena *arena = arena_new();
    bool has_orig = rcpt->orig[0] != 0 && strcasecmp(rcpt->orig, rcpt->address) != 0;
    const char *orig = has_orig ? log_address(cfg, arena, rcpt->orig) : "";
    char conn[40] = "", delays[192];

    if (conn_use > 1)
        snprintf(conn, sizeof(conn), ", conn_use=%ld", conn_use);
    format_delays(delays, cfg, req, times);
    log_info("%s: to=<%s>%s%s%s, relay=%s%s, %s, dsn=%s, status=%s (%s)", req->queue_id,
             log_address(cfg, arena, rcpt->address), has_orig ? ", orig_to=<" : "", orig,
             has_orig ? ">" : "", relay == NULL ? "none" : relay, conn, delays, dsn, status,
             one_line(arena, text));
    arena_free(arena);
}
