// record: the records of a queue file: type byte, length in base 128, payload.
#pragma once
#include "util/buf.h"
#include "util/error.h"
#include "util/str.h"

enum record_type {
    REC_SIZE = 'C',
    REC_TIME = 'T',
    REC_FULL_NAME = 'F',
    REC_INSPECT = 'I',
    REC_FILTER = 'L',
    REC_FROM = 'S',
    REC_DONE = 'D',
    REC_RCPT = 'R',
    REC_ORIG_RCPT = 'O',
    REC_CANCELLED = '/',
    REC_WARN = 'W',
    REC_ATTR = 'A',
    REC_KILLED = 'K',
    REC_VERP = 'V',
    REC_REDIRECT = '>',
    REC_FLAGS = 'f',
    REC_DELAY = 'd',
    REC_MESSAGE = 'M',
    REC_CONTINUED = 'L',
    REC_LINE = 'N',
    REC_PADDING = 'w',
    REC_EXTRACTED = 'X',
    REC_RETURN_RECEIPT = 'r',
    REC_ERRORS_TO = 'e',
    REC_PRIORITY = 'P',
    REC_POINTER = 'p',
    REC_END = 'E',
    REC_DSN_RET = '<',
    REC_DSN_ENVID = 'i',
    REC_DSN_ORCPT = 'o',
    REC_DSN_NOTIFY = 'n',
    REC_MILTER_COUNT = 'm',
};

// Longest payload that we believe when reading.
#define RECORD_MAX (1u << 20)

// Appends a record to `out`.
MUST_CHECK bool record_put(struct buf *out, int type, struct str payload);
MUST_CHECK bool record_printf(struct buf *out, int type, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

// Reads records from a descriptor with large reads, following 'p' records. A pass (from the
// start or a seek on) that reads more bytes than the file has runs in circles and is
// broken.
struct record_reader;
struct record_reader *record_reader_open(int fd, struct arena *arena);
void record_reader_follow(struct record_reader *r, bool follow_pointers); // default: yes
// Return the pointers that are followed as well (postcat(1)); default: no.
void record_reader_show_pointers(struct record_reader *r, bool show);
void record_reader_seek(struct record_reader *r, int64_t offset); // starts a new pass
void record_reader_jump(struct record_reader *r, int64_t offset); // within the same pass

enum record_result { RECORD_OK, RECORD_END_OF_FILE, RECORD_BROKEN };
struct record {
    int type;
    struct str payload; // good until the next read
    int64_t offset;     // of the type byte in the file
};
enum record_result record_next(struct record_reader *r, struct record *rec,
                               struct error *err);
