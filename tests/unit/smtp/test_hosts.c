// test_hosts: the order of MX hosts.
#include "smtp/hosts.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sys/socket.h>

#include <cmocka.h>

static struct host four(const char *address, unsigned preference)
{
    return (struct host){address, address, AF_INET, preference, false};
}

static struct host six(const char *address, unsigned preference)
{
    return (struct host){address, address, AF_INET6, preference, false};
}

static void order_is(const struct hosts *hosts, const char *want)
{
    char have[64] = "";

    for (size_t i = 0; i < hosts->len; i++) {
        strncat(have, i > 0 ? " " : "", sizeof have - strlen(have) - 1);
        strncat(have, hosts->items[i].address, sizeof have - strlen(have) - 1);
    }
    assert_string_equal(have, want);
}

static void preference_rules_the_order(void **state)
{
    struct host items[] = {four("c", 20), four("a", 10), six("d", 20), six("b", 10)};
    struct hosts hosts = {items, COUNT(items), false};

    (void)state;
    hosts_sort(&hosts, FAMILY_ANY, false);
    order_is(&hosts, "a b c d");
    assert_true(hosts.items[1].best);
    assert_false(hosts.items[2].best);
    hosts_sort(&hosts, FAMILY_IPV6, false);
    order_is(&hosts, "b a d c");
    hosts_sort(&hosts, FAMILY_IPV4, true);
    order_is(&hosts, "a b c d");
}

static void equal_hosts_take_turns(void **state)
{
    int first[3] = {0};

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct host items[] = {four("0", 1), four("1", 1), four("2", 1)};
        struct hosts hosts = {items, COUNT(items), false};

        hosts_sort(&hosts, FAMILY_ANY, true);
        first[hosts.items[0].address[0] - '0']++;
    }
    for (int i = 0; i < 3; i++)
        assert_true(first[i] > 40);
}

static void limit_keeps_both_families(void **state)
{
    struct host items[] = {four("a", 1), four("b", 1), four("c", 1), six("d", 1),
                           six("e", 2)};
    struct hosts hosts = {items, COUNT(items), false};

    (void)state;
    hosts_limit(&hosts, 0, true);
    assert_int_equal(hosts.len, 5);
    hosts_limit(&hosts, 4, true);
    order_is(&hosts, "a b d e");
    hosts_limit(&hosts, 3, false);
    order_is(&hosts, "a b d");
    hosts_limit(&hosts, 2, true);
    order_is(&hosts, "a d");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(preference_rules_the_order),
        cmocka_unit_test(equal_hosts_take_turns),
        cmocka_unit_test(limit_keeps_both_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
