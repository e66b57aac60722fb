// postkick: wakes a daemon by sending bytes to its socket.
#include "config/config.h"
#include "ipc/trigger.h"
#include "util/help.h"
#include "util/log.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "usage: postkick [-c dir] [-v] class service request\n"
    "Sends the bytes of REQUEST to a service; CLASS is public or private.\n";

int main(int argc, char **argv)
{
    const char *dir = NULL;
    struct error err;
    int letter;

    help_if_asked(argc, argv, help);
    log_open("postfix/postkick", LOG_TO_STDERR, 0);
    log_set_fatal_pause(false);
    while ((letter = getopt(argc, argv, "c:v")) != -1) {
        if (letter == 'c')
            dir = optarg;
        else if (letter != 'v')
            log_fatal("usage: %s [-c config_dir] [-v] class service request", argv[0]);
    }
    if (argc - optind != 3)
        log_fatal("usage: %s [-c config_dir] [-v] class service request", argv[0]);
    const char *class = argv[optind], *service = argv[optind + 1];
    struct config *cfg = config_open(dir, NULL, 0, &err);
    if (cfg == NULL)
        log_fatal("%s", err.text);
    const struct mail_config *mail = config_mail(cfg);
    struct arena *arena = arena_new();
    const char *path =
        arena_printf(arena, "%s/%s/%s", mail->queue_directory, class, service);
    int timeout_ms = (int)mail->trigger_timeout.seconds * 1000;
    if (access(path, F_OK) != 0)
        log_warn("unable to look up %s/%s: %m", class, service);
    if (!trigger_send(path, str_c(argv[optind + 2]), timeout_ms, &err)) {
        log_warn("Cannot contact class %s service %s - perhaps the mail system is down",
                 class, service);
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
