/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For which machine a profile is read: --arch, --cap (repeatable) and --kernel, by default this machine; and
 * --dialect, by default what the file looks like. For every verb that takes profiles: add CONTEXT_OPTIONS to
 * the table for getopt_long() and CONTEXT_HELP to the help, and hand what getopt_long() returns to
 * context_option().
 */

#include "base/buf.h"
#include "policy/model.h"
#include "policy/read.h"
#include "policy/resolve.h"

struct context {
        struct profile_context profile; /* .given says what a person chose */
        struct profile_read_options read;
};

enum context_option_number {
        CONTEXT_OPTION_ARCH = 0x2000, /* past every letter */
        CONTEXT_OPTION_CAP,
        CONTEXT_OPTION_KERNEL,
        CONTEXT_OPTION_DIALECT,
};

#define CONTEXT_OPTIONS                                                                                     \
        { "arch", required_argument, NULL, CONTEXT_OPTION_ARCH },                                           \
                { "cap", required_argument, NULL, CONTEXT_OPTION_CAP },                                     \
                { "kernel", required_argument, NULL, CONTEXT_OPTION_KERNEL }, {                             \
                "dialect", required_argument, NULL, CONTEXT_OPTION_DIALECT                                  \
        }

#define CONTEXT_HELP                                                                                        \
        "  --arch ARCH     as it applies on this architecture (x86_64, arm64, …)\n"                       \
        "  --cap CAP       as it applies to a container with this capability; repeatable;\n"                \
        "                  'none', 'all', and 'default' for docker's usual ones\n"                          \
        "  --kernel X.Y    as it applies on this kernel\n"                                                  \
        "                  (each of the three is this machine's when not given)\n"                          \
        "  --dialect NAME  read as oci, docker, containers or spo, whatever it looks like\n"

/* This machine, any dialect. 0, or an exit code after saying why. */
int context_init(struct context *context);
/* 0: the option was ours and is good; EXIT_USAGE: it was ours and is wrong (said); -1: not ours. */
int context_option(struct context *context, const char *verb, int option, const char *value);

/* "x86_64, Linux 6.1, 14 capabilities (CAP_CHOWN, …)", as far as parts (CONTEXT_*) asks. */
void context_text(const struct context *context, unsigned parts, struct buf *to);
/* One line on standard error when the profile's meaning depends on the context: which one was used, and
 * which options choose another. */
void context_say(const struct context *context, const struct profile *profile);

/* Reads the file as --dialect says and prints what there is to say about it: 0, or an exit code. */
int context_read(const struct context *context, const char *path, struct profile **ret);
/* The same, resolved, with context_say(). ret_written may be NULL. An empty profile is an error. */
int context_resolve(const struct context *context, const char *path, struct profile **ret_written,
                    struct profile **ret_resolved);
