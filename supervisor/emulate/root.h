/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * `emulate: root`: an ordinary user's program believes that it is root, with no privilege behind it. What a
 * session remembers, and what its parts ask of one another: root_identity.h is who a process believes to be,
 * root_process.c which process believes what, root_files.h what files are pretended to be.
 */

#include <pthread.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "supervisor/emulate/emulate.h"
#include "supervisor/emulate/root_files.h"
#include "supervisor/emulate/root_identity.h"
#include "supervisor/emulate/root_state.h"

extern const struct emulation root_emulation;

/* For whoever shows the task what the kernel says of the file behind fd, a descriptor of ours: what is
 * pretended takes the place of what is. Nothing happens in sessions that do not pretend root. 0, or as
 * emulators return. */
int root_show_stat(struct call *call, int fd, struct stat *st);
int root_show_statx(struct call *call, int fd, struct statx *stx);

/* ---- between the parts ---- */

struct identities; /* root_process.c */

struct root {
        pthread_mutex_t lock; /* guards files and own */
        struct root_files files;
        struct root_state state;
        bool own_known;
        uint32_t own_uid, own_gid; /* who really runs the program: shown as 0 */
        uint64_t capabilities;     /* all that this kernel knows */
        struct identities *identities;
};

int identities_new(unsigned last_capability, struct identities **ret);
struct identities *identities_free(struct identities *identities);
/* Whom the calling process believes to be. groups stay valid as long as the session. 0, CALL_E_GONE, -errno.
 */
int root_identity(struct call *call, struct root *root, struct identity *ret);
/* From now on: 0, CALL_E_GONE, -ENOSPC (too many different ones in this session), -errno. */
int root_become(struct call *call, struct root *root, const struct identity *identity);

/* A file by a descriptor of ours: what it is, and what the task is to see. 0, CALL_E_GONE, -errno. */
int root_look(struct call *call, struct root *root, int fd, struct statx *ret_real, struct statx *ret_shown);
/* What is to be pretended of a file from now on. */
struct root_change {
        uint32_t uid, gid, mode; /* what is to be shown; ROOT_REAL: as before */
        uint32_t type, rdev_major, rdev_minor;
        bool new;        /* nothing said before is true any more */
        bool clear_caps; /* security.capability goes */
};
#define ROOT_CHANGE_NONE                                                                                    \
        { .uid = ROOT_REAL, .gid = ROOT_REAL, .mode = ROOT_REAL }
/* real: as the file is now. 0, -ENOMEM, -ENOSPC (too many files). */
int root_remember(struct root *root, const struct statx *real, const struct root_change *change);
void root_forget(struct root *root, const struct statx *real);
/* 16-bit ids of calls that have them. */
uint32_t root_id_given(const struct call *call, uint64_t arg);

/* What a call is about: the object of its path, or a descriptor of the task. Where there is none the task is
 * told (call->answer) and fd is -1. */
struct root_subject {
        int fd;    /* borrowed from the paths, or taken */
        int taken; /* owned */
};
/* Would asking about fd mean to wait for another machine, where we must not? Then CALL_E_SLOW. */
bool root_is_slow(const struct call *call, int fd);
int root_subject_of_path(struct call *call, struct root_subject *ret);
int root_subject_of_fd(struct call *call, struct root_subject *ret);
static inline void root_subject_cleanup(struct root_subject *subject) {
        fd_close(subject->taken);
}
#define cleanup_subject __attribute__((cleanup(root_subject_cleanup)))
#define ROOT_SUBJECT_NONE                                                                                   \
        { -1, -1 }

/* Carries the call out as if nothing were pretended. */
int root_perform(struct call *call);
bool root_answered_well(const struct call *call);

/* root_process.c: limits on locks carry identities; what programs see of them. */
int root_limit(struct call *call);

/* root_ids.c */
int root_getuid(struct call *call);
int root_geteuid(struct call *call);
int root_getgid(struct call *call);
int root_getegid(struct call *call);
int root_getresuid(struct call *call);
int root_getresgid(struct call *call);
int root_setuid(struct call *call);
int root_setreuid(struct call *call);
int root_setresuid(struct call *call);
int root_setfsuid(struct call *call);
int root_setgid(struct call *call);
int root_setregid(struct call *call);
int root_setresgid(struct call *call);
int root_setfsgid(struct call *call);
int root_getgroups(struct call *call);
int root_setgroups(struct call *call);
int root_capget(struct call *call);
int root_capset(struct call *call);
int root_prctl(struct call *call);

/* root_stat.c */
int root_fstat(struct call *call);
int root_access(struct call *call);

/* root_attributes.c */
int root_chown(struct call *call);
int root_chmod(struct call *call);
int root_utimes(struct call *call);

/* root_names.c */
int root_mknod(struct call *call);
int root_mkdir(struct call *call);
int root_creat(struct call *call);
int root_symlink(struct call *call);
int root_unlink(struct call *call);
int root_rename(struct call *call);

/* root_folders.c */
int root_getdents(struct call *call);

/* root_xattr.c */
int root_setxattr(struct call *call);
int root_getxattr(struct call *call);
int root_listxattr(struct call *call);
int root_removexattr(struct call *call);
