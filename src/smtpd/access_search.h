// access_search: the keys under which access(5) tables are asked for hosts and addresses.
#pragma once
#include "smtpd/rules.h"

struct access_search {
    struct check *c;
    struct maps *maps;
    const char *value; // found
    bool failed;
    struct error err;
};

// Each is true when the search is over: a value was found, or the table failed.
bool access_find_domain(struct access_search *a, const char *name);
bool access_find_address(struct access_search *a, const char *ip_address);
// An internal-form mail address in standard form; "" is the null sender.
bool access_find_mail(struct access_search *a, const char *address);
