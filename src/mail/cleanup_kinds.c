// cleanup_kinds: the frames of the dialogue with cleanup(8), field by field.
#include "mail/cleanup_client.h"

static const struct field begin_fields[] = {
    FIELD_ROW_INT(struct cleanup_begin_msg, version),
    FIELD_END,
};

static const struct field began_fields[] = {
    FIELD_ROW_TEXT(struct cleanup_began_msg, id),
    FIELD_ROW_TEXT(struct cleanup_began_msg, reason),
    FIELD_END,
};

static const struct field attr_fields[] = {
    FIELD_ROW_TEXT(struct cleanup_attr, name),
    FIELD_ROW_TEXT(struct cleanup_attr, value),
    FIELD_END,
};
static const struct message_kind attr_kind = {
    .name = "attr", .size = sizeof(struct cleanup_attr), .fields = attr_fields};

static const struct field rcpt_fields[] = {
    FIELD_ROW_TEXT(struct cleanup_rcpt, address),
    FIELD_ROW_TEXT(struct cleanup_rcpt, orig),
    FIELD_ROW_TEXT(struct cleanup_rcpt, dsn_orcpt),
    FIELD_ROW_INT(struct cleanup_rcpt, dsn_notify),
    FIELD_END,
};
static const struct message_kind rcpt_kind = {
    .name = "rcpt", .size = sizeof(struct cleanup_rcpt), .fields = rcpt_fields};

static const struct field envelope_fields[] = {
    FIELD_ROW_INT(struct cleanup_envelope, flags),
    FIELD_ROW_INT(struct cleanup_envelope, arrival_sec),
    FIELD_ROW_INT(struct cleanup_envelope, arrival_usec),
    FIELD_ROW_TEXT(struct cleanup_envelope, sender),
    FIELD_ROW_TEXT(struct cleanup_envelope, full_name),
    FIELD_ROW_TEXT(struct cleanup_envelope, filter),
    FIELD_ROW_TEXT(struct cleanup_envelope, redirect),
    FIELD_ROW_TEXT(struct cleanup_envelope, envelope_id),
    FIELD_ROW_TEXT(struct cleanup_envelope, encoding),
    FIELD_ROW_TEXT(struct cleanup_envelope, verp),
    FIELD_ROW_TEXT(struct cleanup_envelope, hold_reason),
    FIELD_ROW_INT(struct cleanup_envelope, dsn_ret),
    FIELD_ROW_INT(struct cleanup_envelope, trace_flags),
    FIELD_ROW_INT(struct cleanup_envelope, send_options),
    FIELD_ROW_BOOL(struct cleanup_envelope, extract_rcpts),
    FIELD_ROW_LIST(struct cleanup_envelope, attrs, &attr_kind),
    FIELD_ROW_LIST(struct cleanup_envelope, rcpts, &rcpt_kind),
    FIELD_ROW_LIST(struct cleanup_envelope, bcc, &attr_kind),
    FIELD_END,
};

static const struct field chunk_fields[] = {
    FIELD_ROW_BYTES(struct cleanup_chunk_msg, data),
    FIELD_END,
};

static const struct field end_fields[] = {
    FIELD_ROW_INT(struct cleanup_end_msg, flags),
    FIELD_ROW_TEXT(struct cleanup_end_msg, filter),
    FIELD_ROW_TEXT(struct cleanup_end_msg, redirect),
    FIELD_ROW_TEXT(struct cleanup_end_msg, hold_reason),
    FIELD_ROW_LIST(struct cleanup_end_msg, bcc, &attr_kind),
    FIELD_END,
};

static const struct field result_fields[] = {
    FIELD_ROW_INT(struct cleanup_result, status),
    FIELD_ROW_TEXT(struct cleanup_result, reason),
    FIELD_ROW_INT(struct cleanup_result, size),
    FIELD_END,
};

static const struct field cancel_fields[] = {
    FIELD_ROW_INT(struct cleanup_cancel_msg, unused),
    FIELD_END,
};

const struct message_kind cleanup_begin_kind = {.name = "cleanup_begin",
                                                .id = MESSAGE_CLEANUP + 1,
                                                .size = sizeof(struct cleanup_begin_msg),
                                                .fields = begin_fields};
const struct message_kind cleanup_began_kind = {.name = "cleanup_began",
                                                .id = MESSAGE_CLEANUP + 2,
                                                .size = sizeof(struct cleanup_began_msg),
                                                .fields = began_fields};
const struct message_kind cleanup_envelope_kind = {.name = "cleanup_envelope",
                                                   .id = MESSAGE_CLEANUP + 3,
                                                   .size = sizeof(struct cleanup_envelope),
                                                   .fields = envelope_fields};
const struct message_kind cleanup_chunk_kind = {.name = "cleanup_chunk",
                                                .id = MESSAGE_CLEANUP + 4,
                                                .size = sizeof(struct cleanup_chunk_msg),
                                                .fields = chunk_fields};
const struct message_kind cleanup_end_kind = {.name = "cleanup_end",
                                              .id = MESSAGE_CLEANUP + 5,
                                              .size = sizeof(struct cleanup_end_msg),
                                              .fields = end_fields};
const struct message_kind cleanup_result_kind = {.name = "cleanup_result",
                                                 .id = MESSAGE_CLEANUP + 6,
                                                 .size = sizeof(struct cleanup_result),
                                                 .fields = result_fields};
const struct message_kind cleanup_cancel_kind = {.name = "cleanup_cancel",
                                                 .id = MESSAGE_CLEANUP + 7,
                                                 .size = sizeof(struct cleanup_cancel_msg),
                                                 .fields = cancel_fields};
