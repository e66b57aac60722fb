// queue_content: the header and body lines of a queue file, one after the other.
#include "mail/queue_file.h"

struct content_reader {
    struct record_reader *records;
    bool at_end;
};

struct content_reader *content_open(int fd, int64_t data_offset, struct arena *arena)
{
    struct content_reader *c = ARENA_NEW(arena, struct content_reader);

    c->records = record_reader_open(fd, arena);
    record_reader_seek(c->records, data_offset);
    return c;
}

bool content_next(struct content_reader *c, struct str *text, bool *ends, struct error *err)
{
    struct record rec;

    while (!c->at_end) {
        switch (record_next(c->records, &rec, err)) {
        case RECORD_BROKEN:
            return false;
        case RECORD_END_OF_FILE:
            return error_perm(err, "5.3.0", "content without end");
        case RECORD_OK:
            break;
        }
        switch (rec.type) {
        case REC_LINE:
        case REC_CONTINUED:
            *text = rec.payload;
            *ends = rec.type == REC_LINE;
            return true;
        case REC_PADDING:
            break;
        case REC_EXTRACTED:
            c->at_end = true;
            break;
        default:
            return error_perm(err, "5.3.0", "record type %d inside the content", rec.type);
        }
    }
    return false;
}
