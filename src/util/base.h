// base: the few macros that every file uses.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Elements of an array (not of a pointer).
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

// The caller has to look at the result.
#define MUST_CHECK __attribute__((warn_unused_result))

// Checks the arguments of a printf-like function at compile time. gcc's -Wpedantic refuses
// `%m` wherever it checks formats, so the pedantic pass of `make lint` runs without the check.
#ifdef RELAIS_PEDANTIC
#define PRINTF_LIKE(fmt_index, first_arg)
#else
#define PRINTF_LIKE(fmt_index, first_arg) __attribute__((format(printf, fmt_index, first_arg)))
#endif

// A condition that only a mistake of our own can make false; ends the process with its
// place.
#define ensure(cond) ((cond) ? (void)0 : ensure_failed(#cond, __FILE__, __LINE__))
_Noreturn void ensure_failed(const char *cond, const char *file, int line);
