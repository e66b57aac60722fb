// biff: telling comsat(8) on this host about new mail.
#include "local/biff.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define COMSAT_PORT 512

void biff_notify(const char *user, long offset)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons(COMSAT_PORT),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    char text[512];
    int len = snprintf(text, sizeof(text), "%s@%ld", user, offset);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return;
    if (len > 0 && (size_t)len < sizeof(text))
        (void)!sendto(fd, text, (size_t)len, 0, (struct sockaddr *)&to, sizeof(to));
    close(fd);
}
