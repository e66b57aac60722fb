// fuzz_reply: what servers answer, EHLO keywords included.
#include "smtp/greet.h"
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf *text = buf_new(REPLY_TEXT_MAX);
    struct str rest = {(const char *)data, size}, line = {"", 0};
    struct smtp_reply reply;
    uint64_t limit = 0;
    int code = 0;

    while (str_take_line(&rest, &line)) {
        if (line.len > REPLY_LINE_MAX)
            line.len = REPLY_LINE_MAX;
        (void)greet_features(str_from(line, 4), &limit);
        if (reply_add_line(text, line, ' ', &code))
            break;
    }
    reply_finish(buf_text(text), line, code, &reply);
    buf_free(text);
    return 0;
}
