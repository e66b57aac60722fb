// xtext: RFC 3461 4 coding of arbitrary text in ESMTP parameters.
#pragma once
#include "util/arena.h"
#include "util/str.h"

// False for a broken "+XX" or a NUL inside.
bool xtext_decode(struct arena *arena, struct str text, const char **value);
// Codes '+', '=', controls, blanks and bytes above 126, and each byte of `also`.
char *xtext_encode(struct arena *arena, struct str value, const char *also);
// RFC 6533: as xtext_decode, with \x{HEX} standing for a Unicode character.
bool uxtext_decode(struct arena *arena, struct str text, const char **value);
