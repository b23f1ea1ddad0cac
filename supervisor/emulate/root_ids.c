/* SPDX-License-Identifier: Apache-2.0 */

/* The calls about ids and capabilities, in every width of an id that there is. */

#include <errno.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/root.h"

#define OVERFLOW_ID 65534u /* what 16 bits show of a larger one */

static bool ends_with_32(const char *name) {
        size_t n = strlen(name);

        return n > 2 && strcmp(name + n - 2, "32") == 0;
}

/* Ids of 16 bits: the plain names where there are others ending in 32. */
static bool is_narrow(const struct call *call) {
        static const uint32_t archs[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_M68K,
                                          AUDIT_ARCH_SHEL, AUDIT_ARCH_SH,  AUDIT_ARCH_S390 };

        for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
                if (call->arch->audit == archs[i])
                        return !ends_with_32(call->name);
        return false;
}

static uint32_t id_shown(const struct call *call, uint32_t id) {
        return is_narrow(call) && id > UINT16_MAX ? OVERFLOW_ID : id;
}

uint32_t root_id_given(const struct call *call, uint64_t arg) {
        if (!is_narrow(call))
                return (uint32_t)arg;
        return (uint16_t)arg == UINT16_MAX ? NO_ID : (uint16_t)arg;
}

/* ---- asking ---- */

static int answer_id(struct call *call, bool groups, enum identity_id which) {
        struct identity identity;
        int r = root_identity(call, emulation_state(call), &identity);

        if (r)
                return r;
        return answer_value(call, id_shown(call, (groups ? identity.gid : identity.uid)[which]));
}

int root_getuid(struct call *call) {
        return answer_id(call, false, ID_REAL);
}

int root_geteuid(struct call *call) {
        return answer_id(call, false, ID_EFFECTIVE);
}

int root_getgid(struct call *call) {
        return answer_id(call, true, ID_REAL);
}

int root_getegid(struct call *call) {
        return answer_id(call, true, ID_EFFECTIVE);
}

static int write_id(struct call *call, uint64_t address, uint32_t id) {
        uint16_t narrow = (uint16_t)id_shown(call, id);

        return is_narrow(call) ? target_write(call, address, &narrow, sizeof(narrow))
                               : target_write(call, address, &id, sizeof(id));
}

static int write_three(struct call *call, bool groups) {
        struct identity identity;
        int r = root_identity(call, emulation_state(call), &identity);

        for (unsigned i = 0; !r && i < 3; i++)
                r = write_id(call, call->args[i], (groups ? identity.gid : identity.uid)[i]);
        return r ? target_error(call, r) : answer_value(call, 0);
}

int root_getresuid(struct call *call) {
        return write_three(call, false);
}

int root_getresgid(struct call *call) {
        return write_three(call, true);
}

/* Group lists of 16 bits each, where the call has those. *ret is owned by the caller. */
static int narrowed(const struct call *call, const struct identity *identity, uint16_t **ret) {
        *ret = calloc(identity->n_groups + 1, sizeof(**ret));
        if (!*ret)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < identity->n_groups; i++)
                (*ret)[i] = (uint16_t)id_shown(call, identity->groups[i]);
        return 0;
}

int root_getgroups(struct call *call) {
        int32_t size = (int32_t)call->args[0];
        uint16_t *narrow = NULL;
        struct identity identity;
        int r = root_identity(call, emulation_state(call), &identity);

        if (r)
                return r;
        if (size < 0 || (size > 0 && (uint32_t)size < identity.n_groups))
                return answer_errno(call, EINVAL);
        if (size > 0 && is_narrow(call)) {
                r = narrowed(call, &identity, &narrow);
                if (!r)
                        r = target_write(call, call->args[1], narrow, identity.n_groups * sizeof(*narrow));
                free(narrow);
        } else if (size > 0) {
                r = target_write(call, call->args[1], identity.groups,
                                 identity.n_groups * sizeof(*identity.groups));
        }
        return r ? target_error(call, r) : answer_value(call, identity.n_groups);
}

/* ---- changing ---- */

/* Puts the changed identity in force; value is what the call returns then. */
static int take_on(struct call *call, const struct identity *before, const struct identity *after,
                   int64_t value) {
        int r = identity_same(before, after) ? 0 : root_become(call, emulation_state(call), after);

        /* What a kernel short of memory says; setuid(2) names EAGAIN. */
        if (r == -ENOSPC)
                return answer_errno(call, EAGAIN);
        return r ? r : answer_value(call, value);
}

static int change(struct call *call, int (*apply)(struct identity *identity, const uint32_t ids[3])) {
        uint32_t ids[3] = { root_id_given(call, call->args[0]), root_id_given(call, call->args[1]),
                            root_id_given(call, call->args[2]) };
        struct identity before, after;
        int r = root_identity(call, emulation_state(call), &before), error;

        if (r)
                return r;
        after = before;
        error = apply(&after, ids);
        return error ? answer_errno(call, error) : take_on(call, &before, &after, 0);
}

static int apply_setuid(struct identity *identity, const uint32_t ids[3]) {
        return identity_setuid(identity, ids[0]);
}

static int apply_setreuid(struct identity *identity, const uint32_t ids[3]) {
        return identity_setreuid(identity, ids[0], ids[1]);
}

static int apply_setresuid(struct identity *identity, const uint32_t ids[3]) {
        return identity_setresuid(identity, ids[0], ids[1], ids[2]);
}

static int apply_setgid(struct identity *identity, const uint32_t ids[3]) {
        return identity_setgid(identity, ids[0]);
}

static int apply_setregid(struct identity *identity, const uint32_t ids[3]) {
        return identity_setregid(identity, ids[0], ids[1]);
}

static int apply_setresgid(struct identity *identity, const uint32_t ids[3]) {
        return identity_setresgid(identity, ids[0], ids[1], ids[2]);
}

int root_setuid(struct call *call) {
        return change(call, apply_setuid);
}

int root_setreuid(struct call *call) {
        return change(call, apply_setreuid);
}

int root_setresuid(struct call *call) {
        return change(call, apply_setresuid);
}

int root_setgid(struct call *call) {
        return change(call, apply_setgid);
}

int root_setregid(struct call *call) {
        return change(call, apply_setregid);
}

int root_setresgid(struct call *call) {
        return change(call, apply_setresgid);
}

static int change_fs(struct call *call, uint32_t (*apply)(struct identity *identity, uint32_t id)) {
        struct identity before, after;
        uint32_t old;
        int r = root_identity(call, emulation_state(call), &before);

        if (r)
                return r;
        after = before;
        old = apply(&after, root_id_given(call, call->args[0]));
        return take_on(call, &before, &after, id_shown(call, old));
}

int root_setfsuid(struct call *call) {
        return change_fs(call, identity_setfsuid);
}

int root_setfsgid(struct call *call) {
        return change_fs(call, identity_setfsgid);
}

static int read_groups(struct call *call, size_t n, uint32_t *ret) {
        uint16_t *narrow;
        int r;

        if (!is_narrow(call))
                return target_read(call, call->args[1], ret, n * sizeof(*ret));
        narrow = calloc(n + 1, sizeof(*narrow));
        if (!narrow)
                return error_origin(-ENOMEM);
        r = target_read(call, call->args[1], narrow, n * sizeof(*narrow));
        for (size_t i = 0; !r && i < n; i++)
                ret[i] = root_id_given(call, narrow[i]);
        free(narrow);
        return r;
}

static int take_on_groups(struct call *call, const struct identity *before, uint32_t *groups, size_t n) {
        struct identity after = *before;
        int r = read_groups(call, n, groups), error;

        if (r)
                return r;
        error = identity_setgroups(&after, groups, n);
        return error ? answer_errno(call, error) : take_on(call, before, &after, 0);
}

int root_setgroups(struct call *call) {
        uint32_t n = (uint32_t)call->args[0], *groups;
        struct identity before;
        int r = root_identity(call, emulation_state(call), &before);

        if (r)
                return r;
        if (!identity_may(&before, IDENTITY_SETGID))
                return answer_errno(call, EPERM);
        if (n > IDENTITY_GROUPS_MAX)
                return answer_errno(call, EINVAL);
        groups = calloc(n + 1, sizeof(*groups));
        if (!groups)
                return error_origin(-ENOMEM);
        r = take_on_groups(call, &before, groups, n);
        free(groups);
        return target_error(call, r);
}

/* ---- capabilities ---- */

/* How many structs follow; 0: an unknown version, and the kernel's own was written into the header. */
static int read_cap_header(struct call *call, struct __user_cap_header_struct *ret, size_t *ret_n) {
        const uint32_t newest = _LINUX_CAPABILITY_VERSION_3;
        int r = target_read(call, call->args[0], ret, sizeof(*ret));

        if (r)
                return r;
        *ret_n = ret->version == _LINUX_CAPABILITY_VERSION_1   ? 1
                 : ret->version == _LINUX_CAPABILITY_VERSION_2 ? 2
                 : ret->version == _LINUX_CAPABILITY_VERSION_3 ? 2
                                                               : 0;
        return *ret_n ? 0 : target_write(call, call->args[0], &newest, sizeof(newest));
}

/* Is pid, as the task counts, one of these: "NSpid: 4711 12", the last being its own namespace's? */
static int is_listed(struct call *call, const char *key, int32_t pid, bool *ret) {
        char text[256];
        const char *last;
        int r = view_status(call, key, text, sizeof(text));

        if (r)
                return r;
        last = strrchr(text, '\t');
        *ret = *ret || atoi(last ? last + 1 : text) == pid;
        return 0;
}

static int is_itself(struct call *call, int32_t pid, bool thread_only, bool *ret) {
        int r = 0;

        *ret = pid == 0;
        if (!*ret)
                r = is_listed(call, "NSpid", pid, ret);
        if (!r && !*ret && !thread_only)
                r = is_listed(call, "NStgid", pid, ret);
        return r;
}

/* Of other processes the kernel shows what is. */
static int capabilities_of(struct call *call, const struct __user_cap_header_struct *header, size_t n,
                           struct __user_cap_data_struct data[2]) {
        struct __user_cap_header_struct real_header = { .version = _LINUX_CAPABILITY_VERSION_3,
                                                        .pid = header->pid };
        struct identity identity;
        bool itself;
        int r;

        if (header->pid < 0)
                return answer_errno(call, EINVAL);
        r = is_itself(call, header->pid, false, &itself);
        if (r)
                return r;
        if (!itself) {
                if (syscall(SYS_capget, &real_header, data) < 0)
                        return answer_errno(call, errno);
        } else {
                r = root_identity(call, emulation_state(call), &identity);
                if (r)
                        return r;
                for (size_t i = 0; i < 2; i++)
                        data[i] = (struct __user_cap_data_struct){ (uint32_t)(identity.effective >> 32 * i),
                                                                   (uint32_t)(identity.permitted >> 32 * i),
                                                                   (uint32_t)(identity.inheritable >>
                                                                              32 * i) };
        }
        r = target_write(call, call->args[1], data, n * sizeof(*data));
        return r ? r : answer_value(call, 0);
}

int root_capget(struct call *call) {
        struct __user_cap_header_struct header;
        struct __user_cap_data_struct data[2];
        size_t n;
        int r = read_cap_header(call, &header, &n);

        if (r)
                return target_error(call, r);
        if (call->args[1] == 0)
                return answer_value(call, 0);
        if (n == 0)
                return answer_errno(call, EINVAL);
        return target_error(call, capabilities_of(call, &header, n, data));
}

static uint64_t joined(const struct __user_cap_data_struct data[2], size_t offset) {
        uint32_t low, high;

        memcpy(&low, (const char *)&data[0] + offset, sizeof(low));
        memcpy(&high, (const char *)&data[1] + offset, sizeof(high));
        return low | (uint64_t)high << 32;
}

int root_capset(struct call *call) {
        struct root *root = emulation_state(call);
        struct identity before, after;
        struct __user_cap_data_struct data[2] = { 0 };
        struct __user_cap_header_struct header;
        bool itself;
        size_t n;
        int r = read_cap_header(call, &header, &n), error;

        if (!r && n == 0)
                return answer_errno(call, EINVAL);
        if (!r)
                r = is_itself(call, header.pid, true, &itself);
        if (!r && !itself)
                return answer_errno(call, EPERM);
        if (!r)
                r = target_read(call, call->args[1], data, n * sizeof(*data));
        if (!r)
                r = root_identity(call, root, &before);
        if (r)
                return target_error(call, r);
        after = before;
        error = identity_capset(
                &after,
                joined(data, offsetof(struct __user_cap_data_struct, inheritable)) & root->capabilities,
                joined(data, offsetof(struct __user_cap_data_struct, permitted)) & root->capabilities,
                joined(data, offsetof(struct __user_cap_data_struct, effective)) & root->capabilities);
        return error ? answer_errno(call, error) : take_on(call, &before, &after, 0);
}

int root_prctl(struct call *call) {
        struct root *root = emulation_state(call);
        struct identity before, after;
        int64_t value;
        int r = root_identity(call, root, &before), error;

        if (r)
                return r;
        after = before;
        error = identity_prctl(&after, call->args, root->capabilities, &value);
        if (error < 0)
                return answer_continue(call);
        return error ? answer_errno(call, error) : take_on(call, &before, &after, value);
}
