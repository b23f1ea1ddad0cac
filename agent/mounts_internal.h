/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the parts of agent/mounts.c share. All of it but mounts_prepare() runs in the child. */

#include <limits.h>
#include <linux/capability.h>
#include <stdint.h>
#include <sys/stat.h>

#include "agent/mounts.h"

struct part {
        const struct policy_mount *mount;
        int changes_fd; /* OVERLAY: in the launcher, holds the lock */
        int upper_fd;   /* the launcher's, once asked for */

        /* In the child. */
        int source_fd; /* BIND: the detached copy */
        int folder_fd; /* OVERLAY: changes */
        char *real;    /* where it was mounted */
};

/* Written by the child. */
struct mounts_memory {
        char error[MOUNTS_ERROR_MAX];
        bool user_namespace;
        int lower_fds[]; /* numbers in the shared descriptor table; -1 */
};

struct mounts {
        struct part *parts; /* places above others first */
        size_t n;
        struct mounts_memory *memory;
        size_t n_memory;
};

/* ---- what went wrong ---- */

/* The sentence; returns -1. */
int mounts_refuse(struct mounts *mounts, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* About one mount: "overlays: /opt/vendor: …". */
int mounts_refuse_part(struct mounts *mounts, const struct part *part, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* ---- namespaces (mounts_namespaces.c) ---- */

/* A user namespace is given with all capabilities over itself: wanted for the mounts, not for the program.
 */
struct authority {
        struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
        uint64_t bounding;
        int secure_bits;
        int last; /* highest capability that the kernel knows */
};

void mounts_remember_authority(struct authority *authority);
int mounts_restore_authority(struct mounts *mounts, const struct authority *authority);
/* A mount namespace of our own, and a user namespace where that takes one. */
int mounts_make_namespaces(struct mounts *mounts);

/* ---- file systems ---- */

struct setting {
        const char *key;
        char value[64]; /* "": the key alone */
};

/* What the place forbids stays forbidden on what covers it. */
unsigned mounts_attributes_of(int place_fd);
/* 0 and a detached mount, or -errno with the kernel's words. */
int mounts_make(const char *type, const struct setting *settings, unsigned attributes, int *ret_fd,
                char *words, size_t n_words);
int mounts_attach(struct mounts *mounts, const struct part *part, int mount_fd, int place_fd);
bool mounts_lies_in(const char *path, const char *folder);

/* ---- overlays (mounts_overlay.c) ---- */

int mounts_put_overlay(struct mounts *mounts, struct part *part, int place_fd, const struct stat *st);
