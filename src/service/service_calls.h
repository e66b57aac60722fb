// service_calls: the system calls that a daemon without root may use.
#pragma once
#include "util/base.h"

// Refuses all calls but those that a mail daemon, its tables, resolver and libraries need,
// for this process and all that it forks. `has_network`: sockets of the internet families
// as well. False with errno where the kernel cannot.
MUST_CHECK bool calls_restrict(bool has_network);
