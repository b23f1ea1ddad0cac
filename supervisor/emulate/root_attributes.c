/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Owners, modes and times. What must stay true: whatever is pretended, the real file keeps its owner and a
 * mode with which its owner can go on working, and never gets a set-id bit.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/root.h"

struct attribute_call {
        const char *name;
        int value; /* argument: mode, or owner with the group after it */
        int flags; /* argument; -1: none */
        bool by_fd;
        bool narrow; /* owners may be of 16 bits */
};

static const struct attribute_call attribute_calls[] = {
        { "chown", 1, -1, false, true },     { "chown32", 1, -1, false, false },
        { "lchown", 1, -1, false, true },    { "lchown32", 1, -1, false, false },
        { "fchown", 1, -1, true, true },     { "fchown32", 1, -1, true, false },
        { "fchownat", 2, 4, false, false },  { "chmod", 1, -1, false, false },
        { "fchmod", 1, -1, true, false },    { "fchmodat", 2, -1, false, false },
        { "fchmodat2", 2, 3, false, false },
};

static const struct attribute_call *attribute_call(const struct call *call) {
        for (size_t i = 0; i < sizeof(attribute_calls) / sizeof(attribute_calls[0]); i++)
                if (strcmp(attribute_calls[i].name, call->name) == 0)
                        return &attribute_calls[i];
        return NULL;
}

/* The file, who asks, and what both look like. Where that cannot be had, the task is told. */
struct attribute_change {
        const struct attribute_call *row;
        struct root *root;
        struct root_subject subject;
        struct identity identity;
        struct statx real, shown;
};

static void attribute_change_cleanup(struct attribute_change *change) {
        root_subject_cleanup(&change->subject);
}
#define cleanup_change __attribute__((cleanup(attribute_change_cleanup)))

static int begin(struct call *call, struct attribute_change *change) {
        int r;

        *change = (struct attribute_change){ .row = attribute_call(call), .subject = ROOT_SUBJECT_NONE };
        change->root = emulation_state(call);
        if (change->row->flags >= 0 &&
            call->args[change->row->flags] & ~(uint64_t)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
                return answer_errno(call, EINVAL);
        r = change->row->by_fd ? root_subject_of_fd(call, &change->subject)
                               : root_subject_of_path(call, &change->subject);
        if (r || change->subject.fd < 0)
                return error_trace(r);
        r = root_identity(call, change->root, &change->identity);
        return r ? r : root_look(call, change->root, change->subject.fd, &change->real, &change->shown);
}

/* ---- owners ---- */

static bool may_chown(const struct attribute_change *change, uint32_t uid, uint32_t gid) {
        const struct identity *identity = &change->identity;
        bool owner = identity->uid[ID_FS] == change->shown.stx_uid;

        if (identity_may(identity, IDENTITY_CHOWN))
                return true;
        if (uid != NO_ID && !(owner && uid == change->shown.stx_uid))
                return false;
        return gid == NO_ID || (owner && (gid == change->shown.stx_gid || identity_in_group(identity, gid)));
}

/* A change of owner takes set-id bits away, as the kernel does for root as well. */
static uint32_t mode_after_chown(const struct attribute_change *change) {
        uint32_t mode = change->shown.stx_mode & 07777;

        if (S_ISDIR(change->shown.stx_mode))
                return mode;
        mode &= ~(uint32_t)S_ISUID;
        if (mode & S_IXGRP || (!identity_in_group(&change->identity, change->shown.stx_gid) &&
                               !identity_may(&change->identity, IDENTITY_FSETID)))
                mode &= ~(uint32_t)S_ISGID;
        return mode;
}

/*
 * The real file's change of owner to nobody: it sets ctime, makes an overlay copy the file up now, before
 * its inode is remembered, and tells whether anything can be changed here at all. 0 or a positive errno.
 */
static int touch(struct call *call, const struct attribute_change *change, int *ret_error) {
        int r = authority_assume(call);

        if (r)
                return error_trace(r);
        *ret_error = syscall(SYS_fchownat, change->subject.fd, "", -1, -1, AT_EMPTY_PATH) < 0 ? errno : 0;
        authority_return(call);
        return 0;
}

int root_chown(struct call *call) {
        cleanup_change struct attribute_change change;
        struct root_change wanted = ROOT_CHANGE_NONE;
        int error = 0, r = begin(call, &change);

        if (r || change.subject.fd < 0)
                return r;
        wanted.uid = (uint32_t)call->args[change.row->value];
        wanted.gid = (uint32_t)call->args[change.row->value + 1];
        if (change.row->narrow) {
                wanted.uid = root_id_given(call, wanted.uid);
                wanted.gid = root_id_given(call, wanted.gid);
        }
        if (!may_chown(&change, wanted.uid, wanted.gid))
                return answer_errno(call, EPERM);
        r = touch(call, &change, &error);
        if (r)
                return r;
        if (error == EROFS)
                return answer_errno(call, error);
        wanted.mode = mode_after_chown(&change);
        wanted.clear_caps = !S_ISDIR(change.shown.stx_mode);
        r = root_look(call, change.root, change.subject.fd, &change.real, &change.shown);
        if (!r)
                r = root_remember(change.root, &change.real, &wanted);
        if (r == -ENOSPC)
                return answer_errno(call, ENOSPC);
        return r ? r : answer_value(call, 0);
}

/* ---- modes ---- */

/* The owner can always go on, and no set-id bit becomes real. A directory's sticky bit does: without it
 * others could do more to its files than the mode says. */
static mode_t safe_mode(uint32_t mode, uint32_t type) {
        return S_ISDIR(type) ? (mode & 01777) | 0700 : (mode & 0777) | 0600;
}

static int real_chmod(struct call *call, const struct attribute_change *change, mode_t mode,
                      int *ret_error) {
        char name[32];
        int r = authority_assume(call), done;

        if (r)
                return error_trace(r);
        snprintf(name, sizeof(name), "/proc/self/fd/%d", change->subject.fd);
        done = change->row->by_fd ? fchmod(change->subject.fd, mode) : chmod(name, mode);
        *ret_error = done < 0 ? errno : 0;
        authority_return(call);
        return 0;
}

int root_chmod(struct call *call) {
        cleanup_change struct attribute_change change;
        struct root_change wanted = ROOT_CHANGE_NONE;
        int error = 0, r = begin(call, &change);

        if (r || change.subject.fd < 0)
                return r;
        if (S_ISLNK(change.real.stx_mode))
                return answer_errno(call, EOPNOTSUPP);
        if (change.identity.uid[ID_FS] != change.shown.stx_uid &&
            !identity_may(&change.identity, IDENTITY_FOWNER))
                return answer_errno(call, EPERM);
        wanted.mode = (uint32_t)call->args[change.row->value] & 07777;
        if (!identity_in_group(&change.identity, change.shown.stx_gid) &&
            !identity_may(&change.identity, IDENTITY_FSETID))
                wanted.mode &= ~(uint32_t)S_ISGID;
        r = real_chmod(call, &change, safe_mode(wanted.mode, change.real.stx_mode), &error);
        if (r)
                return r;
        /* Files of others keep their modes, and are only shown with another. */
        if (error && error != EPERM && error != EACCES)
                return answer_errno(call, error);
        r = root_look(call, change.root, change.subject.fd, &change.real, &change.shown);
        if (!r)
                r = root_remember(change.root, &change.real, &wanted);
        if (r == -ENOSPC)
                return answer_errno(call, ENOSPC);
        return r ? r : answer_value(call, 0);
}

/* ---- times ---- */

/* Of files that belong to others they stay as they are, and root believes that it changed them. */
int root_utimes(struct call *call) {
        struct identity identity;
        int r = root_perform(call);

        if (r || call->answer.kind != ANSWER_ERRNO ||
            (call->answer.value != EPERM && call->answer.value != EACCES) || call->n_paths == 0 ||
            call->paths[0].fd < 0)
                return r;
        /* Answered it is; who is gone will not hear it. */
        if (root_identity(call, emulation_state(call), &identity) == 0 &&
            identity_may(&identity, IDENTITY_FOWNER))
                call->answer.value = 0;
        return 0;
}
