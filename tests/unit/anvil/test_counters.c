// test_counters: what anvil(8) counts, with a clock of the test's own.
#include "anvil/counters.h"
#include "unit.h"

static void rates_begin_anew_after_the_unit(void **state)
{
    struct counters *c = counters_new(60);
    struct client_counts *client = counters_find(c, "smtp", "192.0.2.1", 1000);
    struct anvil_reply reply;

    (void)state;
    counters_add(c, client, ANVIL_MAIL, 1000, &reply);
    counters_add(c, client, ANVIL_MAIL, 60999, &reply);
    assert_int_equal(reply.rate, 2);
    counters_add(c, client, ANVIL_MAIL, 61000, &reply);
    assert_int_equal(reply.rate, 1);
    counters_free(c);
}

static void connections_end(void **state)
{
    struct counters *c = counters_new(60);
    struct client_counts *client = counters_find(c, "smtp", "192.0.2.1", 0);
    struct anvil_reply reply;

    (void)state;
    counters_add(c, client, ANVIL_CONNECT, 0, &reply);
    counters_add(c, client, ANVIL_CONNECT, 1, &reply);
    assert_int_equal(reply.count, 2);
    counters_disconnect(client);
    counters_add(c, client, ANVIL_CONNECT, 2, &reply);
    assert_int_equal(reply.count, 2);
    assert_int_equal(reply.rate, 3);
    counters_free(c);
}

static void only_idle_clients_are_forgotten(void **state)
{
    struct counters *c = counters_new(60);
    struct anvil_reply reply;

    (void)state;
    counters_add(c, counters_find(c, "smtp", "a", 0), ANVIL_CONNECT, 0, &reply);
    (void)counters_find(c, "smtp", "b", 0);
    (void)counters_find(c, "other", "a", 59000);
    counters_sweep(c, 60000);
    assert_int_equal(counters_len(c), 2);
    counters_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_begin_anew_after_the_unit),
        cmocka_unit_test(connections_end),
        cmocka_unit_test(only_idle_clients_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
