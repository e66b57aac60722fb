// run_command: a message piped into an external command, as another user, in bounded time;
// for local(8) and pipe(8).
#pragma once
#include "mail/mail_copy.h"
#include "util/text.h"
#include <sys/types.h>

// Output kept for the log and the report; the rest is read and dropped.
#define COMMAND_OUTPUT_MAX 3000

struct command {
    const char *program; // our name, for messages that the child has to print
    // Either a command line (run directly unless it needs a shell), or an argument vector
    // that ends with NULL.
    const char *line;
    const char *shell; // local_command_shell: always used for `line` when not empty
    const char *const *argv;
    const char *const *environment; // "NAME=value", ends with NULL; see command_environment
    uid_t uid;
    gid_t gid;
    const char *chroot_dir, *directory; // NULL: none, stay
    struct duration time_limit;
    int64_t file_size_limit; // RLIMIT_FSIZE, 0: none
    // The message.
    int queue_fd;
    int64_t data_offset;
    struct mail_format format;
};

enum command_end {
    COMMAND_EXITED,    // `status` is the exit status
    COMMAND_SIGNALED,  // `status` is the signal
    COMMAND_TIMED_OUT, // killed, with all of its process group
    COMMAND_FAILED,    // not started, or the queue file could not be read: see err
};
struct command_result {
    enum command_end end;
    int status;
    const char *output; // NUL-terminated, newlines kept
};

void run_command(struct arena *arena, const struct command *command,
                 struct command_result *result, struct error *err);

// What an end means for the delivery, as formats.md words it. `line` is how the command is
// named.
struct command_verdict {
    const char *dsn;  // "2.0.0" when it worked
    const char *text; // "" when it worked
    const char *diag; // Diagnostic-Code of type x-unix; NULL: none
};
struct command_verdict command_judge(struct arena *arena,
                                     const struct command_result *result, const char *line,
                                     const struct error *err);

// True when `line` has characters or words that only a shell understands.
bool command_needs_shell(const char *line);

// The clean environment: PATH, what export_environment names (NAME or NAME=value), and then
// `extra` ("NAME=value").
const char *const *command_environment(struct arena *arena, const char *export_environment,
                                       const struct text_list *extra);

// `value` with each character outside of `allowed` replaced by '_'.
const char *command_filter(struct arena *arena, const char *value, const char *allowed);
