// master_init: becoming a daemon: environment, descriptors, session, and being process 1.
#pragma once
#include "util/error.h"

// Keeps only what import_environment lists ("NAME", "NAME=value").
void init_environment(const char *import_environment);
// Descriptors 0-2 that are closed are opened on /dev/null; all above are closed.
void init_descriptors(void);
// Standard input, output and error from /dev/null.
void init_silence(void);
// Returns in the background process. With `wait`, the foreground waits until init_report
// and exits with its result; else it exits at once.
void init_background(bool wait);
// Tells the waiting foreground that all went well.
void init_report(void);
// As process 1: returns in a child; process 1 itself reaps orphans, passes signals on, and
// ends when the child ends.
void init_as_first_process(void);
