// help: what a command prints when it is asked for --help.
#include "util/help.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void help_if_asked(int argc, char **argv, const char *text)
{
    if (argc != 2 || strcmp(argv[1], "--help") != 0)
        return;
    fputs(text, stdout);
    exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
