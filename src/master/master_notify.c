// master_notify: tells the service manager (systemd, Type=notify) how master is doing.
#include "master/master_notify.h"
#include "util/clock.h"
#include <inttypes.h>
#include <systemd/sd-daemon.h>

void notify_ready(const struct master *master)
{
    if (master->started)
        sd_notify(0, "READY=1\nSTATUS=Mail system is running");
}

void notify_reloading(const struct master *master)
{
    if (master->started)
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_ms() * 1000);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
