// fuzz_channel: any bytes from a peer, as frames with descriptors that never come.
#include "ipc/channel.h"
#include "util/file.h"
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int ends[2];
    struct error err;
    struct str frame;
    uint16_t kind;

    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return 0;
    struct channel *ch = channel_open(ends[0], 1000);

    ensure(fd_write_all(ends[1], data, size));
    close(ends[1]);
    enum channel_result result = CHANNEL_OK;

    while (result == CHANNEL_OK) {
        result = size % 2 ? channel_receive_any(ch, &kind, &frame, &err)
                          : channel_try_receive(ch, &kind, &frame, &err);
        ensure(result != CHANNEL_OK || frame.len <= size);
    }
    ensure(channel_take_fd(ch) == -1);
    channel_close(ch);
    return 0;
}
