// delivery_ready: the frame with which a delivery agent greets the queue manager.
#include "mail/delivery.h"

static const struct field fields[] = {
    FIELD_ROW_INT(struct delivery_ready, version),
    FIELD_END,
};

const struct message_kind delivery_ready_kind = {
    .name = "delivery_ready",
    .id = 0x5201,
    .size = sizeof(struct delivery_ready),
    .fields = fields,
};
