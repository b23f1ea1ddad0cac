/* SPDX-License-Identifier: Apache-2.0 */

/* State of the emulation, its rows, and what all parts of it need. */

#include "supervisor/emulate/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/error.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/paths.h"
#include "supervisor/walk.h"

/* ---- state ---- */

static unsigned last_capability(void) {
        unsigned last = 0;

        while (last < 63 && prctl(PR_CAPBSET_READ, last + 1) >= 0)
                last++;
        return last;
}

static struct root *root_free(struct root *root) {
        if (!root)
                return NULL;
        root_state_deinit(&root->state);
        root_files_deinit(&root->files);
        identities_free(root->identities);
        pthread_mutex_destroy(&root->lock);
        free(root);
        return NULL;
}

static int root_new(struct root **ret) {
        struct root *root = calloc(1, sizeof(*root));
        unsigned last = last_capability();
        int r;

        if (!root)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&root->lock, NULL);
        root->state = ROOT_STATE_INIT;
        root->capabilities = identity_root(last).permitted;
        r = identities_new(last, &root->identities);
        if (r) {
                root_free(root);
                return error_trace(r);
        }
        *ret = root;
        return 0;
}

static int root_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct root *root = NULL;
        const char *path = NULL;
        int r = root_new(&root);

        if (!r)
                r = options_new(rule->options, error, n_error, &options);
        if (!r)
                r = options_text(options, "state", &path);
        if (!r && path)
                r = root_state_open(&root->state, path, &root->files, error, n_error);
        if (r) {
                root_free(root);
                return r;
        }
        *ret_state = root;
        return 0;
}

static int root_keep(void *state, char *error, size_t n_error) {
        struct root *root = state;

        if (!root->state.path)
                return 0;
        return error_trace(root_state_save(&root->state, &root->files, error, n_error));
}

static void root_close(void *state) {
        root_free(state);
}

/* ---- files ---- */

/* Who runs the program, as far as files are concerned. */
static int learn_own(struct call *call, struct root *root) {
        char uids[128], gids[128];
        uint32_t uid, gid;
        bool known;
        int r;

        pthread_mutex_lock(&root->lock);
        known = root->own_known;
        pthread_mutex_unlock(&root->lock);
        if (known)
                return 0;
        r = view_status(call, "Uid", uids, sizeof(uids));
        if (!r)
                r = view_status(call, "Gid", gids, sizeof(gids));
        if (!r)
                r = target_confirm(call);
        if (r)
                return error_trace(r);
        if (sscanf(uids, "%*u %*u %*u %u", &uid) != 1 || sscanf(gids, "%*u %*u %*u %u", &gid) != 1)
                return error_origin(-EPROTO);
        pthread_mutex_lock(&root->lock);
        root->own_uid = uid;
        root->own_gid = gid;
        root->own_known = true;
        pthread_mutex_unlock(&root->lock);
        return 0;
}

static int show(struct call *call, struct root *root, struct statx *stx) {
        struct root_file_key key = root_file_key(stx);
        int r = learn_own(call, root);

        if (r)
                return r;
        pthread_mutex_lock(&root->lock);
        root_file_show(root_files_find(&root->files, &key), root->own_uid, root->own_gid, stx);
        pthread_mutex_unlock(&root->lock);
        return 0;
}

int root_look(struct call *call, struct root *root, int fd, struct statx *ret_real,
              struct statx *ret_shown) {
        if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_BTIME, ret_real) < 0)
                return error_origin(-errno);
        *ret_shown = *ret_real;
        return show(call, root, ret_shown);
}

/* What need not be said is not kept, so that most files have no entry. */
static void apply(struct root *root, struct root_file *file, const struct statx *real,
                  const struct root_change *change) {
        struct statx plain = *real;

        root_file_show(NULL, root->own_uid, root->own_gid, &plain);
        if (change->uid != ROOT_REAL)
                file->uid = change->uid == plain.stx_uid ? ROOT_REAL : change->uid;
        if (change->gid != ROOT_REAL)
                file->gid = change->gid == plain.stx_gid ? ROOT_REAL : change->gid;
        if (change->mode != ROOT_REAL)
                file->mode = change->mode == (real->stx_mode & 07777) ? ROOT_REAL : change->mode;
        if (change->type)
                root_file_set_device(&root->files, file, change->type, change->rdev_major,
                                     change->rdev_minor);
        if (change->clear_caps)
                root_file_remove_xattr(&root->files, file, "security.capability");
}

int root_remember(struct root *root, const struct statx *real, const struct root_change *change) {
        struct root_file_key key = root_file_key(real);
        struct root_file *file;
        int r;

        pthread_mutex_lock(&root->lock);
        if (change->new)
                root_files_drop(&root->files, &key);
        r = root_files_get(&root->files, &key, &file);
        if (!r) {
                apply(root, file, real, change);
                root_files_tidy(&root->files, &key);
        }
        pthread_mutex_unlock(&root->lock);
        return error_trace(r);
}

void root_forget(struct root *root, const struct statx *real) {
        struct root_file_key key = root_file_key(real);

        pthread_mutex_lock(&root->lock);
        root_files_drop(&root->files, &key);
        pthread_mutex_unlock(&root->lock);
}

/* ---- subjects ---- */

bool root_is_slow(const struct call *call, int fd) {
        struct stat st;

        return !call->may_wait &&
               fstatat(fd, "", &st, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC) == 0 &&
               file_system_of(fd, &st) == FILE_SYSTEM_REMOTE;
}

int root_subject_of_path(struct call *call, struct root_subject *ret) {
        int r = paths_need(call);

        if (r || paths_answered(call))
                return r;
        if (call->paths[0].fd < 0)
                return answer_errno(call, call->paths[0].error ? call->paths[0].error : ENOENT);
        if (call->paths[0].remote && !call->may_wait)
                return CALL_E_SLOW;
        ret->fd = call->paths[0].fd;
        return 0;
}

int root_subject_of_fd(struct call *call, struct root_subject *ret) {
        int error = 0, flags, r = view_take_fd(call, (int)call->args[0], &ret->taken, &error);

        if (r)
                return error_trace(r);
        if (ret->taken < 0)
                return answer_errno(call, error);
        /* What is open for nothing cannot be changed through it. */
        flags = fcntl(ret->taken, F_GETFL);
        if (flags < 0 || flags & O_PATH)
                return answer_errno(call, EBADF);
        if (root_is_slow(call, ret->taken))
                return CALL_E_SLOW;
        ret->fd = ret->taken;
        return 0;
}

/* ---- carrying out ---- */

int root_perform(struct call *call) {
        const struct emulator *performer = performer_of(call->name);

        return performer ? performer->run(call) : emulate_nothing(call);
}

bool root_answered_well(const struct call *call) {
        return (call->answer.kind == ANSWER_VALUE && call->answer.value >= 0) ||
               (call->answer.kind == ANSWER_ERRNO && call->answer.value == 0);
}

/* ---- rows ---- */

static const struct emulator root_rows[] = {
        { "getuid", root_getuid },
        { "getuid32", root_getuid },
        { "geteuid", root_geteuid },
        { "geteuid32", root_geteuid },
        { "getgid", root_getgid },
        { "getgid32", root_getgid },
        { "getegid", root_getegid },
        { "getegid32", root_getegid },
        { "getresuid", root_getresuid },
        { "getresuid32", root_getresuid },
        { "getresgid", root_getresgid },
        { "getresgid32", root_getresgid },
        { "getgroups", root_getgroups },
        { "getgroups32", root_getgroups },
        { "setuid", root_setuid },
        { "setuid32", root_setuid },
        { "setreuid", root_setreuid },
        { "setreuid32", root_setreuid },
        { "setresuid", root_setresuid },
        { "setresuid32", root_setresuid },
        { "setfsuid", root_setfsuid },
        { "setfsuid32", root_setfsuid },
        { "setgid", root_setgid },
        { "setgid32", root_setgid },
        { "setregid", root_setregid },
        { "setregid32", root_setregid },
        { "setresgid", root_setresgid },
        { "setresgid32", root_setresgid },
        { "setfsgid", root_setfsgid },
        { "setfsgid32", root_setfsgid },
        { "setgroups", root_setgroups },
        { "setgroups32", root_setgroups },
        { "capget", root_capget },
        { "capset", root_capset },
        { "prctl", root_prctl },
        { "getrlimit", root_limit },
        { "ugetrlimit", root_limit },
        { "setrlimit", root_limit },
        { "prlimit64", root_limit },
        { "stat", root_perform },
        { "stat64", root_perform },
        { "oldstat", root_perform },
        { "lstat", root_perform },
        { "lstat64", root_perform },
        { "oldlstat", root_perform },
        { "newfstatat", root_perform },
        { "fstatat64", root_perform },
        { "fstat", root_fstat },
        { "fstat64", root_fstat },
        { "oldfstat", root_fstat },
        { "statx", root_perform },
        { "access", root_access },
        { "faccessat", root_access },
        { "faccessat2", root_access },
        { "chown", root_chown },
        { "chown32", root_chown },
        { "lchown", root_chown },
        { "lchown32", root_chown },
        { "fchown", root_chown },
        { "fchown32", root_chown },
        { "fchownat", root_chown },
        { "chmod", root_chmod },
        { "fchmod", root_chmod },
        { "fchmodat", root_chmod },
        { "fchmodat2", root_chmod },
        { "utime", root_utimes },
        { "utimes", root_utimes },
        { "futimesat", root_utimes },
        { "utimensat", root_utimes },
        { "utimensat_time64", root_utimes },
        { "mknod", root_mknod },
        { "mknodat", root_mknod },
        { "mkdir", root_mkdir },
        { "mkdirat", root_mkdir },
        { "open", root_creat },
        { "openat", root_creat },
        { "openat2", root_creat },
        { "creat", root_creat },
        { "symlink", root_symlink },
        { "symlinkat", root_symlink },
        { "unlink", root_unlink },
        { "unlinkat", root_unlink },
        { "rmdir", root_unlink },
        { "rename", root_rename },
        { "renameat", root_rename },
        { "renameat2", root_rename },
        { "getdents64", root_getdents },
        { "setxattr", root_setxattr },
        { "lsetxattr", root_setxattr },
        { "fsetxattr", root_setxattr },
        { "getxattr", root_getxattr },
        { "lgetxattr", root_getxattr },
        { "fgetxattr", root_getxattr },
        { "listxattr", root_listxattr },
        { "llistxattr", root_listxattr },
        { "flistxattr", root_listxattr },
        { "removexattr", root_removexattr },
        { "lremovexattr", root_removexattr },
        { "fremovexattr", root_removexattr },
        { NULL, NULL },
};

const struct emulation root_emulation = {
        .name = "root", .rows = root_rows, .open = root_open, .keep = root_keep, .close = root_close
};
