/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names of the system. What the policy does not name is the task's own truth: of its UTS namespace, and as
 * its personality has it (setarch i686, --uname-2.6). What a program set with sethostname wins over the
 * policy's name, as the later of the two.
 */

#include "supervisor/emulate/uname.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/native/calls.h"
#include "supervisor/emulate/hostname.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/system.h"

#define FIELD_MAX sizeof(((struct utsname *)NULL)->sysname)

static const struct {
        const char *option;
        size_t offset;
} fields[] = {
        { "sysname", offsetof(struct utsname, sysname) },
        { "nodename", offsetof(struct utsname, nodename) },
        { "release", offsetof(struct utsname, release) },
        { "version", offsetof(struct utsname, version) },
        { "machine", offsetof(struct utsname, machine) },
        { "domainname", offsetof(struct utsname, domainname) },
};
#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* What the three calls write: all six names, five of 65 bytes, five of 9 (cut to 8 letters). */
static const struct {
        const char *call;
        size_t n_fields, width;
} layouts[] = {
        { "uname", 6, 65 },
        { "olduname", 5, 65 },
        { "oldolduname", 5, 9 },
};
_Static_assert(sizeof(struct utsname) == 6 * 65, "new_utsname of the kernel");

struct names {
        bool set[N_FIELDS];
        char texts[N_FIELDS][FIELD_MAX];
};

static int uname_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct names *names;
        int r = options_new(rule->options, error, n_error, &options);

        if (r)
                return r;
        names = calloc(1, sizeof(*names));
        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < N_FIELDS; i++) {
                const char *text = NULL;

                r = options_text(options, fields[i].option, &text);
                if (r || !text)
                        continue;
                if (strlen(text) >= FIELD_MAX)
                        r = options_wrong(options, "%s is longer than %zu bytes: \"%.80s\"",
                                          fields[i].option, FIELD_MAX - 1, text);
                else
                        snprintf(names->texts[i], FIELD_MAX, "%s", text);
                names->set[i] = true;
        }
        if (r)
                free(names);
        else
                *ret_state = names;
        return r;
}

/* ---- the real names ---- */

/* This thread, and no other, in the task's UTS namespace: *ret_back leads back. Stays where it is when they
 * are the same one, and when we may not enter (which takes CAP_SYS_ADMIN). */
static void enter_uts(struct call *call, int *ret_back) {
        char ours[64] = "", theirs[64] = "";
        cleanup_fd int fd = -1;

        *ret_back = -1;
        if (readlink("/proc/thread-self/ns/uts", ours, sizeof(ours) - 1) <= 0 ||
            call->kernel->read_link(call->kernel->data, call->tid, "ns/uts", theirs, sizeof(theirs)) <= 0 ||
            strcmp(ours, theirs) == 0)
                return;
        fd = call->kernel->open_proc(call->kernel->data, call->tid, "ns/uts", O_RDONLY);
        if (fd < 0)
                return;
        *ret_back = open("/proc/thread-self/ns/uts", O_RDONLY | O_CLOEXEC);
        if (*ret_back >= 0 && setns(fd, CLONE_NEWUTS) < 0)
                *ret_back = fd_close(*ret_back);
}

static void leave_uts(int back) {
        /* A thread that stayed would answer for the wrong host from now on. */
        if (back >= 0 && setns(back, CLONE_NEWUTS) < 0)
                abort();
        fd_close(back);
}

/* PER_LINUX32 and UNAME26 change what uname says; the kernel keeps them per thread, so it is asked as the
 * task. */
static unsigned long task_personality(struct call *call) {
        char text[16] = "";

        if (call->kernel->read_proc(call->kernel->data, call->tid, "personality", text, sizeof(text) - 1,
                                    0) <= 0)
                return 0;
        return strtoul(text, NULL, 16) & (PER_MASK | UNAME26);
}

static int real_names(struct call *call, struct utsname *name) {
        unsigned long persona = task_personality(call);
        int back, own = -1, r;

        enter_uts(call, &back);
        if (persona != 0)
                own = (int)syscall(SYS_personality, persona);
        r = syscall(SYS_uname, name) < 0 ? error_origin(-errno) : 0;
        if (own != -1)
                syscall(SYS_personality, own);
        leave_uts(back);
        return r;
}

/* ---- the answer ---- */

static void show(struct call *call, const struct names *names, struct utsname *name) {
        for (size_t i = 0; names && i < N_FIELDS; i++)
                if (names->set[i])
                        memcpy((char *)name + fields[i].offset, names->texts[i], FIELD_MAX);
        hostname_show(call, name);
}

int uname_answer(struct call *call) {
        const struct policy_rule *rule = call->verdict.rule;
        struct utsname name;
        char buffer[sizeof(name)];
        size_t row = 0, n = 0;
        int r = real_names(call, &name);

        if (!r)
                r = target_confirm(call); /* or they were somebody else's */
        if (r)
                return r;
        show(call,
             rule && rule->emulation && strcmp(rule->emulation->name, "uname") == 0
                     ? emulation_state(call)
                     : emulation_state_of(call, "uname"),
             &name);
        while (row < sizeof(layouts) / sizeof(layouts[0]) - 1 && strcmp(layouts[row].call, call->name) != 0)
                row++;
        for (size_t i = 0; i < layouts[row].n_fields; i++) {
                /* The kernel's fields are in the order of the table, each 65 bytes long. */
                memcpy(buffer + n, (const char *)&name + i * FIELD_MAX, layouts[row].width);
                n += layouts[row].width;
                buffer[n - 1] = 0;
        }
        r = target_write(call, call->args[0], buffer, n);
        return r ? target_error(call, r) : answer_errno(call, 0);
}

static const struct emulator uname_rows[] = {
        { "uname", uname_answer },
        { "olduname", uname_answer },
        { "oldolduname", uname_answer },
        { 0 },
};

const struct emulation emulation_uname = {
        .name = "uname",
        .rows = uname_rows,
        .open = uname_open,
        .close = free,
};
