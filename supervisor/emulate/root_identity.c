/* SPDX-License-Identifier: Apache-2.0 */

/*
 * How calls change who a process believes to be. What must stay true: each function decides as the kernel
 * does for a task of the initial user namespace, from the copy it is given alone; it looks at nothing
 * outside.
 */

#include "supervisor/emulate/root_identity.h"

#include <errno.h>
#include <linux/prctl.h>
#include <stdlib.h>
#include <string.h>

/* linux/securebits.h; each bit has a lock above it. */
#define SECURE_NOROOT               (1u << 0)
#define SECURE_NO_SETUID_FIXUP      (1u << 2)
#define SECURE_KEEP_CAPS            (1u << 4)
#define SECURE_KEEP_CAPS_LOCKED     (1u << 5)
#define SECURE_NO_CAP_AMBIENT_RAISE (1u << 6)
#define SECURE_BITS                 0x555u /* with the two about interpreters (kernel 6.14) */
#define SECURE_LOCKS                0xaaau
#define SECURE_UNPRIVILEGED         0xf00u /* those two and their locks anybody may set */

#define BIT(capability) (1ull << (capability))

/* What a file system user id of 0 stands for. */
static const uint64_t fs_capabilities = BIT(IDENTITY_CHOWN) | BIT(IDENTITY_DAC_OVERRIDE) |
                                        BIT(IDENTITY_DAC_READ_SEARCH) | BIT(IDENTITY_FOWNER) |
                                        BIT(IDENTITY_FSETID) | BIT(IDENTITY_LINUX_IMMUTABLE) |
                                        BIT(IDENTITY_MKNOD) | BIT(IDENTITY_MAC_OVERRIDE);

struct identity identity_root(unsigned last_capability) {
        static const uint32_t group_0[] = { 0 };
        uint64_t all = last_capability >= 63 ? UINT64_MAX : BIT(last_capability + 1) - 1;

        return (struct identity){
                .permitted = all, .effective = all, .bounding = all, .n_groups = 1, .groups = group_0
        };
}

bool identity_same(const struct identity *a, const struct identity *b) {
        return memcmp(a->uid, b->uid, sizeof(a->uid)) == 0 && memcmp(a->gid, b->gid, sizeof(a->gid)) == 0 &&
               a->inheritable == b->inheritable && a->permitted == b->permitted &&
               a->effective == b->effective && a->bounding == b->bounding && a->ambient == b->ambient &&
               a->securebits == b->securebits && a->n_groups == b->n_groups &&
               (a->n_groups == 0 || memcmp(a->groups, b->groups, a->n_groups * sizeof(*a->groups)) == 0);
}

static uint32_t mix(uint32_t hash, const void *bytes, size_t n) {
        const uint8_t *at = bytes;

        while (n-- > 0)
                hash = (hash ^ *at++) * 16777619u;
        return hash;
}

uint32_t identity_hash(const struct identity *identity) {
        uint32_t hash = 2166136261u;

        hash = mix(hash, identity->uid, sizeof(identity->uid));
        hash = mix(hash, identity->gid, sizeof(identity->gid));
        hash = mix(hash, &identity->effective, sizeof(identity->effective));
        hash = mix(hash, &identity->permitted, sizeof(identity->permitted));
        return mix(hash, identity->groups, identity->n_groups * sizeof(*identity->groups));
}

bool identity_in_group(const struct identity *identity, uint32_t gid) {
        if (identity->gid[ID_FS] == gid)
                return true;
        for (size_t i = 0; i < identity->n_groups; i++)
                if (identity->groups[i] == gid)
                        return true;
        return false;
}

/* ---- users ---- */

static bool is_zero(const struct identity *identity) {
        return identity->uid[ID_REAL] == 0 || identity->uid[ID_EFFECTIVE] == 0 ||
               identity->uid[ID_SAVED] == 0;
}

/* cap_emulate_setxuid() of the kernel. */
static void follow_uids(struct identity *now, const struct identity *before) {
        if (now->securebits & SECURE_NO_SETUID_FIXUP)
                return;
        if (is_zero(before) && !is_zero(now)) {
                if (!(now->securebits & SECURE_KEEP_CAPS))
                        now->permitted = now->effective = 0;
                now->ambient = 0;
        }
        if (before->uid[ID_EFFECTIVE] == 0 && now->uid[ID_EFFECTIVE] != 0)
                now->effective = 0;
        if (before->uid[ID_EFFECTIVE] != 0 && now->uid[ID_EFFECTIVE] == 0)
                now->effective = now->permitted;
}

static bool is_any(const uint32_t ids[IDENTITY_N_IDS], uint32_t id, unsigned which) {
        for (unsigned i = 0; i < IDENTITY_N_IDS; i++)
                if (which >> i & 1 && ids[i] == id)
                        return true;
        return false;
}
#define IS(ids, id, which) is_any((ids), (id), (which))
#define R                  (1u << ID_REAL)
#define E                  (1u << ID_EFFECTIVE)
#define S                  (1u << ID_SAVED)
#define F                  (1u << ID_FS)

/* Users and groups follow the same rules; only what it means for capabilities differs. */
static int set_one(uint32_t ids[IDENTITY_N_IDS], uint32_t id, bool may) {
        if (id == NO_ID)
                return EINVAL;
        if (may)
                ids[ID_REAL] = ids[ID_SAVED] = id;
        else if (!IS(ids, id, R | S))
                return EPERM;
        ids[ID_EFFECTIVE] = ids[ID_FS] = id;
        return 0;
}

static int set_two(uint32_t ids[IDENTITY_N_IDS], uint32_t real, uint32_t effective, bool may) {
        uint32_t before = ids[ID_REAL];

        if (real != NO_ID && !may && !IS(ids, real, R | E))
                return EPERM;
        if (effective != NO_ID && !may && !IS(ids, effective, R | E | S))
                return EPERM;
        if (real != NO_ID)
                ids[ID_REAL] = real;
        if (effective != NO_ID)
                ids[ID_EFFECTIVE] = effective;
        if (real != NO_ID || (effective != NO_ID && effective != before))
                ids[ID_SAVED] = ids[ID_EFFECTIVE];
        ids[ID_FS] = ids[ID_EFFECTIVE];
        return 0;
}

static int set_three(uint32_t ids[IDENTITY_N_IDS], const uint32_t wanted[3], bool may) {
        bool changes = false;

        /* What changes nothing does not bring the file system id back either. */
        for (unsigned i = 0; i < 3; i++)
                changes |= wanted[i] != NO_ID &&
                           (wanted[i] != ids[i] || (i == ID_EFFECTIVE && wanted[i] != ids[ID_FS]));
        if (!changes)
                return 0;
        for (unsigned i = 0; i < 3; i++)
                if (wanted[i] != NO_ID && !may && !IS(ids, wanted[i], R | E | S))
                        return EPERM;
        for (unsigned i = 0; i < 3; i++)
                if (wanted[i] != NO_ID)
                        ids[i] = wanted[i];
        ids[ID_FS] = ids[ID_EFFECTIVE];
        return 0;
}

static uint32_t set_fs(uint32_t ids[IDENTITY_N_IDS], uint32_t id, bool may) {
        uint32_t before = ids[ID_FS];

        if (id != NO_ID && (may || IS(ids, id, R | E | S | F)))
                ids[ID_FS] = id;
        return before;
}

int identity_setuid(struct identity *identity, uint32_t uid) {
        struct identity before = *identity;
        int error = set_one(identity->uid, uid, identity_may(identity, IDENTITY_SETUID));

        if (!error)
                follow_uids(identity, &before);
        return error;
}

int identity_setreuid(struct identity *identity, uint32_t ruid, uint32_t euid) {
        struct identity before = *identity;
        int error = set_two(identity->uid, ruid, euid, identity_may(identity, IDENTITY_SETUID));

        if (!error)
                follow_uids(identity, &before);
        return error;
}

int identity_setresuid(struct identity *identity, uint32_t ruid, uint32_t euid, uint32_t suid) {
        struct identity before = *identity;
        int error = set_three(identity->uid, (uint32_t[]){ ruid, euid, suid },
                              identity_may(identity, IDENTITY_SETUID));

        if (!error)
                follow_uids(identity, &before);
        return error;
}

uint32_t identity_setfsuid(struct identity *identity, uint32_t uid) {
        uint32_t before = set_fs(identity->uid, uid, identity_may(identity, IDENTITY_SETUID));

        if (identity->securebits & SECURE_NO_SETUID_FIXUP)
                return before;
        if (before == 0 && identity->uid[ID_FS] != 0)
                identity->effective &= ~fs_capabilities;
        if (before != 0 && identity->uid[ID_FS] == 0)
                identity->effective |= identity->permitted & fs_capabilities;
        return before;
}

int identity_setgid(struct identity *identity, uint32_t gid) {
        return set_one(identity->gid, gid, identity_may(identity, IDENTITY_SETGID));
}

int identity_setregid(struct identity *identity, uint32_t rgid, uint32_t egid) {
        return set_two(identity->gid, rgid, egid, identity_may(identity, IDENTITY_SETGID));
}

int identity_setresgid(struct identity *identity, uint32_t rgid, uint32_t egid, uint32_t sgid) {
        return set_three(identity->gid, (uint32_t[]){ rgid, egid, sgid },
                         identity_may(identity, IDENTITY_SETGID));
}

uint32_t identity_setfsgid(struct identity *identity, uint32_t gid) {
        return set_fs(identity->gid, gid, identity_may(identity, IDENTITY_SETGID));
}

static int by_number(const void *a, const void *b) {
        uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

        return left < right ? -1 : left > right;
}

int identity_setgroups(struct identity *identity, uint32_t *groups, size_t n) {
        if (!identity_may(identity, IDENTITY_SETGID))
                return EPERM;
        if (n > IDENTITY_GROUPS_MAX)
                return EINVAL;
        for (size_t i = 0; i < n; i++)
                if (groups[i] == NO_ID)
                        return EINVAL;
        if (n > 0)
                qsort(groups, n, sizeof(*groups), by_number);
        identity->groups = groups;
        identity->n_groups = (uint32_t)n;
        return 0;
}

/* ---- capabilities ---- */

int identity_capset(struct identity *identity, uint64_t inheritable, uint64_t permitted,
                    uint64_t effective) {
        if (!identity_may(identity, IDENTITY_SETPCAP) &&
            inheritable & ~(identity->inheritable | identity->permitted))
                return EPERM;
        if (inheritable & ~(identity->inheritable | identity->bounding) ||
            permitted & ~identity->permitted || effective & ~permitted)
                return EPERM;
        identity->inheritable = inheritable;
        identity->permitted = permitted;
        identity->effective = effective;
        identity->ambient &= permitted & inheritable;
        return 0;
}

static bool known(uint64_t capability, uint64_t all) {
        return capability < 64 && all >> capability & 1;
}

static int set_securebits(struct identity *identity, uint64_t bits) {
        uint32_t before = identity->securebits, locked = (before & SECURE_LOCKS) >> 1;
        uint64_t changed = before ^ bits;

        if (locked & changed || before & SECURE_LOCKS & ~bits ||
            bits & ~(uint64_t)(SECURE_BITS | SECURE_LOCKS))
                return EPERM;
        /* Without privilege not even what changes nothing. */
        if (!identity_may(identity, IDENTITY_SETPCAP) &&
            (changed == 0 || changed & ~(uint64_t)SECURE_UNPRIVILEGED))
                return EPERM;
        identity->securebits = (uint32_t)bits;
        return 0;
}

static int set_keepcaps(struct identity *identity, uint64_t keep) {
        if (keep > 1)
                return EINVAL;
        if (identity->securebits & SECURE_KEEP_CAPS_LOCKED)
                return EPERM;
        identity->securebits &= ~SECURE_KEEP_CAPS;
        identity->securebits |= keep ? SECURE_KEEP_CAPS : 0;
        return 0;
}

static int change_ambient(struct identity *identity, const uint64_t args[5], uint64_t all,
                          int64_t *ret_value) {
        uint64_t capability = args[2];

        if (args[1] == PR_CAP_AMBIENT_CLEAR_ALL) {
                if (args[2] | args[3] | args[4])
                        return EINVAL;
                identity->ambient = 0;
                return 0;
        }
        if (!known(capability, all) || args[3] | args[4])
                return EINVAL;
        switch (args[1]) {
        case PR_CAP_AMBIENT_IS_SET:
                *ret_value = identity->ambient >> capability & 1;
                return 0;
        case PR_CAP_AMBIENT_LOWER:
                identity->ambient &= ~BIT(capability);
                return 0;
        case PR_CAP_AMBIENT_RAISE:
                if (!(identity->permitted & identity->inheritable & BIT(capability)) ||
                    identity->securebits & SECURE_NO_CAP_AMBIENT_RAISE)
                        return EPERM;
                identity->ambient |= BIT(capability);
                return 0;
        default:
                return EINVAL;
        }
}

int identity_prctl(struct identity *identity, const uint64_t args[5], uint64_t all, int64_t *ret_value) {
        *ret_value = 0;
        switch ((uint32_t)args[0]) {
        case PR_CAPBSET_READ:
                *ret_value = known(args[1], all) && identity->bounding >> args[1] & 1;
                return known(args[1], all) ? 0 : EINVAL;
        case PR_CAPBSET_DROP:
                if (!identity_may(identity, IDENTITY_SETPCAP))
                        return EPERM;
                if (!known(args[1], all))
                        return EINVAL;
                identity->bounding &= ~BIT(args[1]);
                return 0;
        case PR_GET_SECUREBITS:
                *ret_value = identity->securebits;
                return 0;
        case PR_SET_SECUREBITS:
                return set_securebits(identity, args[1]);
        case PR_GET_KEEPCAPS:
                *ret_value = identity->securebits & SECURE_KEEP_CAPS ? 1 : 0;
                return 0;
        case PR_SET_KEEPCAPS:
                return set_keepcaps(identity, args[1]);
        case PR_CAP_AMBIENT:
                return change_ambient(identity, args, all, ret_value);
        default:
                return -1;
        }
}

/* ---- execve ---- */

void identity_exec(struct identity *identity) {
        uint32_t effective = identity->uid[ID_EFFECTIVE], real = identity->uid[ID_REAL];
        bool by_root = !(identity->securebits & SECURE_NOROOT);

        /* As of 6.18; older kernels compare effective with real ids. */
        if (!identity_in_group(identity, identity->gid[ID_EFFECTIVE]))
                identity->ambient = 0;
        identity->permitted =
                by_root && (effective == 0 || real == 0) ? identity->bounding | identity->inheritable : 0;
        identity->permitted |= identity->ambient;
        identity->effective = by_root && effective == 0 ? identity->permitted : identity->ambient;
        identity->uid[ID_SAVED] = identity->uid[ID_FS] = effective;
        identity->gid[ID_SAVED] = identity->gid[ID_FS] = identity->gid[ID_EFFECTIVE];
        identity->securebits &= ~SECURE_KEEP_CAPS;
}
