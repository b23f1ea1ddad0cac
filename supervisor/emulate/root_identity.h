/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Who a process believes to be: ids, groups, capabilities and securebits, and how calls change them. Nothing
 * of it exists outside; the rules are those of the kernel (kernel/sys.c, security/commoncap.c), so that a
 * program that starts as root and drops what it has sees what it would see without us.
 *
 * Functions that return int return 0, or the positive errno that the task is to see; *identity is unchanged
 * then.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum identity_id {
        ID_REAL,
        ID_EFFECTIVE,
        ID_SAVED,
        ID_FS,
};
#define IDENTITY_N_IDS      4
#define IDENTITY_GROUPS_MAX 65536 /* NGROUPS_MAX */
#define NO_ID               UINT32_MAX

struct identity {
        uint32_t uid[IDENTITY_N_IDS], gid[IDENTITY_N_IDS];
        uint64_t inheritable, permitted, effective, bounding, ambient; /* bit per capability */
        uint32_t securebits;
        uint32_t n_groups;
        const uint32_t *groups; /* ascending; belongs to whoever keeps identities */
};

/* Capabilities, as far as they decide something here. */
enum identity_capability {
        IDENTITY_CHOWN = 0,
        IDENTITY_DAC_OVERRIDE = 1,
        IDENTITY_DAC_READ_SEARCH = 2,
        IDENTITY_FOWNER = 3,
        IDENTITY_FSETID = 4,
        IDENTITY_SETGID = 6,
        IDENTITY_SETUID = 7,
        IDENTITY_SETPCAP = 8,
        IDENTITY_LINUX_IMMUTABLE = 9,
        IDENTITY_SYS_ADMIN = 21,
        IDENTITY_MKNOD = 27,
        IDENTITY_SETFCAP = 31,
        IDENTITY_MAC_OVERRIDE = 32,
};

/* Root, as after login: all capabilities up to number last_capability, member of group 0. */
struct identity identity_root(unsigned last_capability);
/* Equal in everything, groups by content. */
bool identity_same(const struct identity *a, const struct identity *b);
uint32_t identity_hash(const struct identity *identity);
static inline bool identity_may(const struct identity *identity, enum identity_capability capability) {
        return identity->effective >> capability & 1;
}
/* The group for files, or one of the others. */
bool identity_in_group(const struct identity *identity, uint32_t gid);

int identity_setuid(struct identity *identity, uint32_t uid);
int identity_setreuid(struct identity *identity, uint32_t ruid, uint32_t euid);
int identity_setresuid(struct identity *identity, uint32_t ruid, uint32_t euid, uint32_t suid);
uint32_t identity_setfsuid(struct identity *identity, uint32_t uid); /* what it was */
int identity_setgid(struct identity *identity, uint32_t gid);
int identity_setregid(struct identity *identity, uint32_t rgid, uint32_t egid);
int identity_setresgid(struct identity *identity, uint32_t rgid, uint32_t egid, uint32_t sgid);
uint32_t identity_setfsgid(struct identity *identity, uint32_t gid);
/* Sorts groups, and keeps the pointer. */
int identity_setgroups(struct identity *identity, uint32_t *groups, size_t n);

int identity_capset(struct identity *identity, uint64_t inheritable, uint64_t permitted, uint64_t effective);

/* prctl(2) as far as it is about capabilities. -1: it is not; otherwise 0 with *ret_value, what the call
 * returns, or the positive errno. */
int identity_prctl(struct identity *identity, const uint64_t args[5], uint64_t all_capabilities,
                   int64_t *ret_value);

/* What execve(2) of a file without set-id bits or capabilities makes of it. Once is as good as often. */
void identity_exec(struct identity *identity);
