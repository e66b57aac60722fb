// delivery: the frames between the queue manager and the delivery agents, field by field.
#include "mail/delivery.h"

static const struct field rcpt_fields[] = {
    FIELD_ROW_TEXT(struct delivery_rcpt, address),
    FIELD_ROW_TEXT(struct delivery_rcpt, orig),
    FIELD_ROW_TEXT(struct delivery_rcpt, dsn_orcpt),
    FIELD_ROW_INT(struct delivery_rcpt, dsn_notify),
    FIELD_ROW_INT(struct delivery_rcpt, offset),
    FIELD_END,
};
static const struct message_kind rcpt_kind = {
    .name = "rcpt", .size = sizeof(struct delivery_rcpt), .fields = rcpt_fields};

static const struct field request_fields[] = {
    FIELD_ROW_INT(struct delivery_request, flags),
    FIELD_ROW_TEXT(struct delivery_request, queue_name),
    FIELD_ROW_TEXT(struct delivery_request, queue_id),
    FIELD_ROW_TEXT(struct delivery_request, nexthop),
    FIELD_ROW_TEXT(struct delivery_request, encoding),
    FIELD_ROW_TEXT(struct delivery_request, sender),
    FIELD_ROW_TEXT(struct delivery_request, envelope_id),
    FIELD_ROW_TEXT(struct delivery_request, rewrite_context),
    FIELD_ROW_TEXT(struct delivery_request, log_ident),
    FIELD_ROW_TEXT(struct delivery_request, sasl_method),
    FIELD_ROW_TEXT(struct delivery_request, sasl_username),
    FIELD_ROW_TEXT(struct delivery_request, sasl_sender),
    FIELD_ROW_TEXT(struct delivery_request, client_name),
    FIELD_ROW_TEXT(struct delivery_request, client_address),
    FIELD_ROW_TEXT(struct delivery_request, client_port),
    FIELD_ROW_TEXT(struct delivery_request, client_proto),
    FIELD_ROW_TEXT(struct delivery_request, client_helo),
    FIELD_ROW_INT(struct delivery_request, data_offset),
    FIELD_ROW_INT(struct delivery_request, data_size),
    FIELD_ROW_INT(struct delivery_request, message_length),
    FIELD_ROW_INT(struct delivery_request, send_options),
    FIELD_ROW_INT(struct delivery_request, dsn_ret),
    FIELD_ROW_INT(struct delivery_request, trace_flags),
    FIELD_ROW_INT(struct delivery_request, arrival_sec),
    FIELD_ROW_INT(struct delivery_request, arrival_usec),
    FIELD_ROW_INT(struct delivery_request, active_sec),
    FIELD_ROW_INT(struct delivery_request, active_usec),
    FIELD_ROW_INT(struct delivery_request, agent_sec),
    FIELD_ROW_INT(struct delivery_request, agent_usec),
    FIELD_ROW_LIST(struct delivery_request, rcpts, &rcpt_kind),
    FIELD_END,
};

static const struct field result_fields[] = {
    FIELD_ROW_INT(struct delivery_result, deferred),
    FIELD_ROW_INT(struct delivery_result, done),
    FIELD_ROW_BOOL(struct delivery_result, destination_dead),
    FIELD_ROW_TEXT(struct delivery_result, dsn),
    FIELD_ROW_TEXT(struct delivery_result, reason),
    FIELD_ROW_BOOL(struct delivery_result, last),
    FIELD_END,
};

const struct message_kind delivery_request_kind = {.name = "delivery_request",
                                                   .id = MESSAGE_DELIVERY + 1,
                                                   .size = sizeof(struct delivery_request),
                                                   .fields = request_fields};
const struct message_kind delivery_result_kind = {.name = "delivery_result",
                                                  .id = MESSAGE_DELIVERY + 2,
                                                  .size = sizeof(struct delivery_result),
                                                  .fields = result_fields};
