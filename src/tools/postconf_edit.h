// postconf_edit: changing main.cf and master.cf in place: comments and layout of everything
// else stay, the file is replaced atomically with its owner and mode.
#pragma once
#include "tools/postconf_known.h"

enum edit_action {
    EDIT_SET,     // -e
    EDIT_REMOVE,  // -X
    EDIT_COMMENT, // -#
};

// Arguments are "name=value" for EDIT_SET, else names. Ends the program on bad arguments or
// when the file cannot be replaced; nothing is then changed.
void edit_main(struct postconf *pc, enum edit_action action, char *const *args, size_t len);
// "service/type=entry", "service/type".
void edit_entries(struct postconf *pc, enum edit_action action, char *const *args,
                  size_t len);
// "service/type/field=value"; only EDIT_SET.
void edit_fields(struct postconf *pc, char *const *args, size_t len);
// "service/type/name=value", "service/type/name"; EDIT_SET and EDIT_REMOVE.
void edit_options(struct postconf *pc, enum edit_action action, char *const *args,
                  size_t len);
