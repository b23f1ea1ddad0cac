/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Extended attributes. Those that only root may set, security.* and trusted.*, are kept with the other
 * things pretended of a file; all others are the file's own.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/error.h"
#include "supervisor/emulate/root.h"

#define CAPS_NAME "security.capability"
#define LIST_MAX  65536 /* XATTR_LIST_MAX */
#define ACL_NAME  "system.posix_acl_access"

/* One call: f…(fd, …), l…(path, …) or the plain one. */
struct xattr_call {
        struct root *root;
        struct root_subject subject;
        struct identity identity;
        struct root_file_key key;
        uint32_t mode; /* as shown, with the type */
        char name[ROOT_XATTR_NAME_MAX + 1];
        bool pretended;
        char path[32]; /* the subject, for calls of ours */
};

static void xattr_call_cleanup(struct xattr_call *x) {
        root_subject_cleanup(&x->subject);
}
#define cleanup_xattr __attribute__((cleanup(xattr_call_cleanup)))

static bool is_pretended(const char *name) {
        return strncmp(name, "security.", 9) == 0 || strncmp(name, "trusted.", 8) == 0;
}

static int read_name(struct call *call, struct xattr_call *x) {
        int r = target_string(call, call->args[1], x->name, sizeof(x->name));

        if (r == -ENAMETOOLONG || (!r && !x->name[0]))
                return answer_errno(call, ERANGE);
        x->pretended = !r && is_pretended(x->name);
        return target_error(call, r);
}

/* Fills *x, or tells the task why not (call->answer). */
static int begin(struct call *call, bool named, struct xattr_call *x) {
        struct statx real, shown;
        int r = 0;

        *x = (struct xattr_call){ .root = emulation_state(call), .subject = ROOT_SUBJECT_NONE };
        if (named)
                r = read_name(call, x);
        if (!r && call->answer.kind == ANSWER_NONE)
                r = call->name[0] == 'f' ? root_subject_of_fd(call, &x->subject)
                                         : root_subject_of_path(call, &x->subject);
        if (r || x->subject.fd < 0)
                return r;
        snprintf(x->path, sizeof(x->path), "/proc/self/fd/%d", x->subject.fd);
        r = root_identity(call, x->root, &x->identity);
        if (!r)
                r = root_look(call, x->root, x->subject.fd, &real, &shown);
        if (r)
                return r;
        x->key = root_file_key(&real);
        x->mode = shown.stx_mode;
        return 0;
}

/* May this be set or removed? 0 or a positive errno. */
static int may_change(const struct xattr_call *x) {
        enum identity_capability needed =
                strcmp(x->name, CAPS_NAME) == 0 ? IDENTITY_SETFCAP : IDENTITY_SYS_ADMIN;

        return identity_may(&x->identity, needed) ? 0 : EPERM;
}

/* trusted.* is not even there for those who may not see it. */
static bool may_see(const struct xattr_call *x, const char *name) {
        return strncmp(name, "trusted.", 8) != 0 || identity_may(&x->identity, IDENTITY_SYS_ADMIN);
}

/* ---- access control lists ----
 *
 * Little-endian: a version, then entries of tag (16 bits), permissions (16 bits) and id (32 bits).
 */

#define ACL_HEADER 4
#define ACL_ENTRY  8
enum acl_tag {
        ACL_OWNER = 0x01,
        ACL_OWNING_GROUP = 0x04,
        ACL_MASK = 0x10,
        ACL_OTHER = 0x20,
};

static bool is_acl(const struct xattr_call *x) {
        return strcmp(x->name, ACL_NAME) == 0;
}

/* The permissions of an entry, low byte; NULL: no such entry. */
static unsigned char *acl_permissions(unsigned char *acl, size_t n, enum acl_tag tag) {
        for (size_t at = ACL_HEADER; at + ACL_ENTRY <= n; at += ACL_ENTRY)
                if (acl[at] == tag && acl[at + 1] == 0)
                        return &acl[at + 2];
        return NULL;
}

/* The mode that comes with a list, special bits as they are; ROOT_REAL: that is no list. */
static uint32_t acl_mode(unsigned char *acl, size_t n, uint32_t before) {
        const unsigned char *owner = acl_permissions(acl, n, ACL_OWNER);
        const unsigned char *mask = acl_permissions(acl, n, ACL_MASK);
        const unsigned char *group = mask ? mask : acl_permissions(acl, n, ACL_OWNING_GROUP);
        const unsigned char *other = acl_permissions(acl, n, ACL_OTHER);

        if (!owner || !group || !other)
                return ROOT_REAL;
        return (before & 07000) | (*owner & 7u) << 6 | (*group & 7u) << 3 | (*other & 7u);
}

/* ---- setting ---- */

static bool are_capabilities(const unsigned char *value, size_t n) {
        uint32_t revision;

        if (n < sizeof(revision))
                return false;
        revision = value[0] | (uint32_t)value[1] << 8 | (uint32_t)value[2] << 16 | (uint32_t)value[3] << 24;
        revision &= VFS_CAP_REVISION_MASK;
        return (n == XATTR_CAPS_SZ_2 && revision == VFS_CAP_REVISION_2) ||
               (n == XATTR_CAPS_SZ_3 && revision == VFS_CAP_REVISION_3);
}

/* 0, the task's errno, or -errno. */
static int set_pretended(struct xattr_call *x, const void *value, size_t n, int flags) {
        struct root_file *file;
        bool there;
        int r;

        pthread_mutex_lock(&x->root->lock);
        r = root_files_get(&x->root->files, &x->key, &file);
        if (!r) {
                there = root_file_xattr(file, x->name);
                if (there && flags & XATTR_CREATE)
                        r = EEXIST;
                else if (!there && flags & XATTR_REPLACE)
                        r = ENODATA;
                else
                        r = root_file_set_xattr(&x->root->files, file, x->name, value, n);
                root_files_tidy(&x->root->files, &x->key);
        }
        pthread_mutex_unlock(&x->root->lock);
        return r == -ENOSPC ? ENOSPC : r;
}

/* Of a list that was set for real: the mode that its author wanted. */
static int remember_acl(struct call *call, const struct xattr_call *x, uint32_t mode) {
        struct root_change wanted = ROOT_CHANGE_NONE;
        struct statx real, shown;
        int r = root_look(call, x->root, x->subject.fd, &real, &shown);

        wanted.mode = mode;
        return r ? r : root_remember(x->root, &real, &wanted);
}

static int set_acl(struct call *call, struct xattr_call *x, unsigned char *value, size_t n, int flags) {
        unsigned char *owner = acl_permissions(value, n, ACL_OWNER);
        uint32_t mode = acl_mode(value, n, x->mode);
        int r = authority_assume(call), error;

        if (r)
                return error_trace(r);
        if (owner && mode != ROOT_REAL)
                *owner |= S_ISDIR(x->mode) ? 7 : 6;
        error = setxattr(x->path, x->name, value, n, flags) < 0 ? errno : 0;
        authority_return(call);
        /* Files of others stay as they are. */
        if (error == EPERM && identity_may(&x->identity, IDENTITY_FOWNER))
                error = 0;
        if (!error && mode != ROOT_REAL)
                r = remember_acl(call, x, mode);
        return r ? r : answer_errno(call, error);
}

static int set_real(struct call *call, const struct xattr_call *x, const void *value, size_t n, int flags) {
        int r = authority_assume(call), error;

        if (r)
                return error_trace(r);
        error = setxattr(x->path, x->name, value, n, flags) < 0 ? errno : 0;
        authority_return(call);
        return answer_errno(call, error);
}

static int set_value(struct call *call, struct xattr_call *x, unsigned char *value, size_t n, int flags) {
        int r;

        if (is_acl(x))
                return set_acl(call, x, value, n, flags);
        if (!x->pretended)
                return set_real(call, x, value, n, flags);
        r = may_change(x);
        if (!r && strcmp(x->name, CAPS_NAME) == 0 && !are_capabilities(value, n))
                r = EINVAL;
        if (!r)
                r = set_pretended(x, value, n, flags);
        return r < 0 ? error_trace(r) : answer_errno(call, r);
}

int root_setxattr(struct call *call) {
        cleanup_xattr struct xattr_call x;
        uint64_t n = call->args[3];
        int flags = (int)call->args[4], r;
        unsigned char *value;

        if (flags & ~(XATTR_CREATE | XATTR_REPLACE)) {
                x.subject.taken = -1;
                return answer_errno(call, EINVAL);
        }
        r = begin(call, true, &x);
        if (r || x.subject.fd < 0)
                return r;
        if (n > ROOT_XATTR_SIZE_MAX)
                return answer_errno(call, E2BIG);
        value = malloc(n + 1);
        if (!value)
                return error_origin(-ENOMEM);
        r = target_read(call, call->args[2], value, n);
        if (!r)
                r = set_value(call, &x, value, n, flags);
        free(value);
        return target_error(call, r);
}

/* ---- asking ---- */

/* A value of n bytes into the task's buffer of size bytes; a size of 0 asks for n only. */
static int hand_over(struct call *call, uint64_t address, uint64_t size, const void *value, size_t n) {
        int r;

        if (size == 0)
                return answer_value(call, (int64_t)n);
        if (n > size)
                return answer_errno(call, ERANGE);
        r = target_write(call, address, value, n);
        return r ? target_error(call, r) : answer_value(call, (int64_t)n);
}

/* Bytes, or -1 where nothing is pretended. */
static ssize_t get_pretended(struct xattr_call *x, unsigned char *value) {
        const struct root_xattr *xattr;
        const struct root_file *file;
        ssize_t n = -1;

        pthread_mutex_lock(&x->root->lock);
        file = root_files_find(&x->root->files, &x->key);
        xattr = file ? root_file_xattr(file, x->name) : NULL;
        if (xattr) {
                n = (ssize_t)xattr->n;
                memcpy(value, xattr->value, xattr->n);
        }
        pthread_mutex_unlock(&x->root->lock);
        return n;
}

static int get_real(struct call *call, const struct xattr_call *x, unsigned char *value, ssize_t *ret_n) {
        unsigned char *owner;
        int r = authority_assume(call), error;

        if (r)
                return error_trace(r);
        *ret_n = getxattr(x->path, x->name, value, ROOT_XATTR_SIZE_MAX);
        error = errno;
        authority_return(call);
        if (*ret_n < 0)
                return answer_errno(call, error);
        owner = is_acl(x) ? acl_permissions(value, (size_t)*ret_n, ACL_OWNER) : NULL;
        if (owner)
                *owner = x->mode >> 6 & 7;
        return 0;
}

int root_getxattr(struct call *call) {
        cleanup_xattr struct xattr_call x;
        unsigned char *value;
        ssize_t n = -1;
        int r = begin(call, true, &x);

        if (r || x.subject.fd < 0)
                return r;
        if (!may_see(&x, x.name))
                return answer_errno(call, ENODATA);
        value = malloc(ROOT_XATTR_SIZE_MAX);
        if (!value)
                return error_origin(-ENOMEM);
        if (x.pretended)
                n = get_pretended(&x, value);
        if (n < 0)
                r = get_real(call, &x, value, &n);
        if (!r && n >= 0)
                r = hand_over(call, call->args[2], call->args[3], value, (size_t)n);
        free(value);
        return r;
}

/* ---- listing ---- */

static bool in_list(const char *list, size_t n, const char *name) {
        for (size_t at = 0; at < n; at += strlen(list + at) + 1)
                if (strcmp(list + at, name) == 0)
                        return true;
        return false;
}

/* Adds the pretended names to those that are there: how long the list is then, -1: too long. */
static ssize_t add_pretended(struct xattr_call *x, char *list, size_t n) {
        const struct root_file *file;
        bool fits = true;

        pthread_mutex_lock(&x->root->lock);
        file = root_files_find(&x->root->files, &x->key);
        for (const struct root_xattr *xattr = file ? file->xattrs : NULL; xattr; xattr = xattr->next) {
                size_t more = strlen(xattr->name) + 1;

                if (!may_see(x, xattr->name) || in_list(list, n, xattr->name))
                        continue;
                fits = fits && n + more <= LIST_MAX;
                if (fits) {
                        memcpy(list + n, xattr->name, more);
                        n += more;
                }
        }
        pthread_mutex_unlock(&x->root->lock);
        return fits ? (ssize_t)n : -1;
}

static int list_names(struct call *call, struct xattr_call *x, char *list) {
        int r = authority_assume(call), error;
        ssize_t n;

        if (r)
                return error_trace(r);
        n = listxattr(x->path, list, LIST_MAX);
        error = errno;
        authority_return(call);
        if (n < 0 && error != EOPNOTSUPP)
                return answer_errno(call, error);
        n = add_pretended(x, list, n < 0 ? 0 : (size_t)n);
        if (n < 0)
                return answer_errno(call, E2BIG);
        return hand_over(call, call->args[1], call->args[2], list, (size_t)n);
}

int root_listxattr(struct call *call) {
        cleanup_xattr struct xattr_call x;
        int r = begin(call, false, &x);
        char *list;

        if (r || x.subject.fd < 0)
                return r;
        list = malloc(LIST_MAX);
        if (!list)
                return error_origin(-ENOMEM);
        r = list_names(call, &x, list);
        free(list);
        return r;
}

/* ---- removing ---- */

static bool remove_pretended(struct xattr_call *x) {
        struct root_file *file;
        bool removed = false;

        pthread_mutex_lock(&x->root->lock);
        file = root_files_find(&x->root->files, &x->key);
        if (file) {
                removed = root_file_remove_xattr(&x->root->files, file, x->name);
                root_files_tidy(&x->root->files, &x->key);
        }
        pthread_mutex_unlock(&x->root->lock);
        return removed;
}

int root_removexattr(struct call *call) {
        cleanup_xattr struct xattr_call x;
        int r = begin(call, true, &x), error;

        if (r || x.subject.fd < 0)
                return r;
        if (x.pretended) {
                error = may_change(&x);
                if (error || remove_pretended(&x))
                        return answer_errno(call, error);
        }
        r = authority_assume(call);
        if (r)
                return error_trace(r);
        error = removexattr(x.path, x.name) < 0 ? errno : 0;
        authority_return(call);
        /* What an ordinary user may not even try to remove is not there for root. */
        return answer_errno(call, x.pretended && error == EPERM ? ENODATA : error);
}
