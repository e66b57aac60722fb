// text: lists and words as configuration values and address headers use them.
#pragma once
#include "util/arena.h"
#include "util/error.h"
#include "util/str.h"

// A list of C strings.
struct text_list {
    const char **items;
    size_t len;
};

// Splits at commas and white space; `{ ... }` keeps blanks together and is returned with
// its braces. False for unbalanced braces.
MUST_CHECK bool text_list_parse(struct arena *arena, const char *text,
                                struct text_list *list, struct error *err);
void text_list_add(struct arena *arena, struct text_list *list, const char *item);
bool text_list_has_nocase(const struct text_list *list, const char *item);

// Takes the next element of a list as above; braces count. False at the end; `*element` has
// ptr NULL when a brace is not closed.
bool text_take_element(struct str *rest, struct str *element);
// "{ a b }" -> "a b" (trimmed). False if it does not start with '{' or end with its
// partner.
bool text_unbrace(struct str s, struct str *inner);
// "name = value", trimmed at both; false without '=' or name.
bool text_split_pair(struct str s, struct str *name, struct str *value);

// "yes"/"no" in any case.
bool text_to_bool(const char *text, bool *value);
// ASCII only, independent of the locale.
char ascii_lower(char c);
bool ascii_is_space(char c);
bool ascii_is_alnum(char c);
bool ascii_is_digit(char c);
void ascii_lower_in_place(char *text);
// Valid UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool utf8_is_valid(struct str s);
// Control bytes and what is not UTF-8 become '?', byte by byte.
void text_make_printable(char *bytes, size_t len);
bool str_is_ascii(struct str s);
