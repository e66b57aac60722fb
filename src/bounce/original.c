// original: the message that a report is about: when it came, and where its content lies.
#include "bounce/report.h"
#include "util/log.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// A file that cleanup(8) is still writing (BOUNCE_ONE): its time and the start of its
// content.
static void read_unfinished(struct original *o, struct arena *arena)
{
    struct record_reader *records = record_reader_open(o->fd, arena);
    struct record rec;
    struct stat st;

    while (record_next(records, &rec, NULL) == RECORD_OK) {
        if (rec.type == REC_TIME) {
            struct str rest = rec.payload, word;
            long seconds;

            if (str_take(&rest, " ", &word) && str_to_long(word, &seconds))
                o->arrival = seconds;
        } else if (rec.type == REC_MESSAGE) {
            o->data_offset = rec.offset + 2;
            break;
        }
    }
    o->content_size = fstat(o->fd, &st) == 0 ? st.st_size : 0;
}

void original_open(struct original *o, const struct reporter *r,
                   const struct bounce_request *req, struct arena *arena)
{
    struct queue_file qf = {0};

    *o = (struct original){.req = req};
    o->sender_shown = *req->sender != 0
                          ? req->sender
                          : arena_printf(arena, "MAILER-DAEMON@%s", r->mail->myhostname);
    o->is_utf8 = (req->send_options & SEND_SMTPUTF8_REQUESTED) != 0;
    o->fd = queue_open(&r->queue, req->queue_name, req->queue_id, O_RDWR, NULL);
    if (o->fd < 0) {
        log_debug("%s: open queue file: %m", req->queue_id);
        return;
    }
    if (queue_file_read(arena, o->fd, 0, &qf, NULL)) {
        o->arrival = qf.arrival.sec;
        o->data_offset = qf.data_offset;
        o->content_size = qf.content_size;
    } else {
        read_unfinished(o, arena);
    }
}

void original_close(struct original *o)
{
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
}
