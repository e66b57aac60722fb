// counters: how many connections, messages and so on each client of each service makes.
#include "anvil/counters.h"
#include "util/arena.h"
#include "util/log.h"
#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#define EVENTS (ANVIL_AUTH + 1)
#define CLIENTS_MAX 200000 // then the oldest without connections go

struct client_counts {
    UT_hash_handle hh;
    long connections;
    long events[EVENTS];
    int64_t since_ms;
    char name[]; // "SERVICE:ADDR"
};

// The highest value of one kind, with whose it was and when.
struct peak {
    long value;
    char name[256];
    time_t when;
};

struct counters {
    struct client_counts *clients;
    long unit_seconds;
    struct peak rates[EVENTS], connections;
    size_t peak_len;
    time_t peak_len_when;
};

static const char *const rate_names[EVENTS] = {
    [ANVIL_CONNECT] = "connection rate", [ANVIL_MAIL] = "message rate",
    [ANVIL_RCPT] = "recipient rate",     [ANVIL_NEWTLS] = "newtls rate",
    [ANVIL_AUTH] = "auth rate",
};

struct counters *counters_new(long unit_seconds)
{
    struct counters *c = mem_alloc(sizeof(*c));

    c->unit_seconds = unit_seconds;
    return c;
}

static void forget(struct counters *c, struct client_counts *client)
{
    HASH_DEL(c->clients, client);
    free(client);
}

void counters_free(struct counters *c)
{
    struct client_counts *client, *next;

    HASH_ITER(hh, c->clients, client, next) forget(c, client);
    free(c);
}

size_t counters_len(const struct counters *c)
{
    return HASH_COUNT(c->clients);
}

struct client_counts *counters_find(struct counters *c, const char *service,
                                    const char *client, int64_t now)
{
    char name[256];
    struct client_counts *found;

    snprintf(name, sizeof(name), "%.100s:%.100s", service, client);
    HASH_FIND_STR(c->clients, name, found);
    if (found != NULL)
        return found;
    if (counters_len(c) >= CLIENTS_MAX)
        counters_sweep(c, INT64_MAX);
    found = mem_alloc(sizeof(*found) + strlen(name) + 1);
    memcpy(found->name, name, strlen(name) + 1);
    found->since_ms = now;
    HASH_ADD_STR(c->clients, name, found);
    if (counters_len(c) > c->peak_len) {
        c->peak_len = counters_len(c);
        c->peak_len_when = time(NULL);
    }
    return found;
}

static void note(struct peak *peak, const struct client_counts *client, long value)
{
    if (value <= peak->value)
        return;
    peak->value = value;
    peak->when = time(NULL);
    snprintf(peak->name, sizeof(peak->name), "%s", client->name);
}

void counters_add(struct counters *c, struct client_counts *client, enum anvil_event event,
                  int64_t now, struct anvil_reply *reply)
{
    if (now - client->since_ms >= (int64_t)c->unit_seconds * 1000) {
        memset(client->events, 0, sizeof(client->events));
        client->since_ms = now;
    }
    note(&c->rates[event], client, ++client->events[event]);
    if (event == ANVIL_CONNECT)
        note(&c->connections, client, ++client->connections);
    *reply =
        (struct anvil_reply){.count = client->connections, .rate = client->events[event]};
}

void counters_disconnect(struct client_counts *client)
{
    if (client->connections > 0)
        client->connections--;
}

void counters_sweep(struct counters *c, int64_t now)
{
    struct client_counts *client, *next;

    HASH_ITER(hh, c->clients, client, next)
    if (client->connections == 0 &&
        now - client->since_ms >= (int64_t)c->unit_seconds * 1000)
        forget(c, client);
}

// "Nov 23 16:40:50"
static const char *when_text(time_t when, char text[32])
{
    struct tm tm;

    localtime_r(&when, &tm);
    return strftime(text, 32, "%b %e %H:%M:%S", &tm) == 0 ? "" : text;
}

void counters_report(struct counters *c)
{
    char when[32];

    for (int i = 0; i < EVENTS; i++) {
        const struct peak *rate = &c->rates[i];

        if (rate->value > 0)
            log_info("statistics: max %s %ld/%lds for (%s) at %s", rate_names[i],
                     rate->value, c->unit_seconds, rate->name, when_text(rate->when, when));
        if (i == ANVIL_CONNECT && c->connections.value > 0)
            log_info("statistics: max connection count %ld for (%s) at %s",
                     c->connections.value, c->connections.name,
                     when_text(c->connections.when, when));
    }
    if (c->peak_len > 0)
        log_info("statistics: max cache size %zu at %s", c->peak_len,
                 when_text(c->peak_len_when, when));
    memset(c->rates, 0, sizeof(c->rates));
    c->connections = (struct peak){0};
    c->peak_len = 0;
}
