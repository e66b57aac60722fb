// help: what a command prints when it is asked for --help.
#pragma once
#include "util/base.h"

// Prints `text` on standard output and ends the program when the only argument is --help.
void help_if_asked(int argc, char **argv, const char *text);
