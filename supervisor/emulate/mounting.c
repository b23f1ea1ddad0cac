/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: of file systems only those are mounted for programs whose options are known to open
 * nothing else; what is unmounted for them was mounted for them. */

#include "supervisor/emulate/mounting.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "policy/native/pattern.h"
#include "supervisor/emulate/options.h"

/* What can be mounted, and which of its options: those that name sizes and modes, none that names a file. */
static const struct filesystem filesystems[] = {
        { "bind", false, "" },
        { "tmpfs", false, "size nr_blocks nr_inodes mode uid gid" },
        { "ramfs", false, "mode" },
        { "ext2", true, "" },
        { "ext3", true, "" },
        { "ext4", true, "" },
        { "xfs", true, "" },
        { "btrfs", true, "" },
        { "vfat", true, "uid gid umask dmask fmask" },
        { "exfat", true, "uid gid umask dmask fmask" },
        { "iso9660", true, "uid gid mode dmode" },
        { "udf", true, "uid gid mode dmode" },
        { "squashfs", true, "" },
};
_Static_assert(sizeof(filesystems) / sizeof(filesystems[0]) == N_FILESYSTEMS, "a place for each");

static int read_patterns(const struct options *options, const char *name, struct patterns *ret) {
        const struct option *list = options_get(options, name);
        char error[256];

        for (size_t i = 0; i < option_n(list); i++) {
                const char *text = option_text(option_at(list, i, NULL));

                if (!text || ret->n == N_PATTERNS)
                        return options_wrong(options, "%s: expected at most %d patterns", name, N_PATTERNS);
                if (pattern_new(text, &ret->items[ret->n], error, sizeof(error)))
                        return options_wrong(options, "%s: \"%.80s\": %s", name, text, error);
                ret->n++;
        }
        return 0;
}

const struct filesystem *mounting_filesystem(const char *type) {
        for (size_t i = 0; i < N_FILESYSTEMS; i++)
                if (strcmp(filesystems[i].type, type) == 0)
                        return &filesystems[i];
        return NULL;
}

static int read_types(const struct options *options, struct mounting *mounting) {
        const struct option *list = options_get(options, "types");

        for (size_t i = 0; i < option_n(list); i++) {
                const char *text = option_text(option_at(list, i, NULL));
                const struct filesystem *filesystem = text ? mounting_filesystem(text) : NULL;

                if (!filesystem)
                        return options_wrong(
                                options,
                                "types: \"%.40s\" is not mounted for programs: expected bind, tmpfs, "
                                "ramfs, ext2, ext3, ext4, xfs, btrfs, vfat, exfat, iso9660, udf or "
                                "squashfs",
                                text ? text : "");
                mounting->types[filesystem - filesystems] = true;
                if ((filesystem->device || strcmp(text, "bind") == 0) && mounting->sources.n == 0)
                        return options_wrong(options,
                                             "types: %s needs \"sources\": patterns of what may be mounted",
                                             text);
        }
        return 0;
}

static int read_allowed(const struct options *options, struct mounting *mounting) {
        const struct option *list = options_get(options, "allow");

        for (size_t i = 0; i < option_n(list); i++) {
                const char *text = option_text(option_at(list, i, NULL));

                if (text && strcmp(text, "suid") == 0)
                        mounting->suid = true;
                else if (text && strcmp(text, "dev") == 0)
                        mounting->dev = true;
                else
                        return options_wrong(options, "allow: expected suid or dev");
        }
        return 0;
}

/* May we mount at all? */
static bool has_privilege(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        return syscall(SYS_capget, &header, data) == 0 && (data[0].permitted >> CAP_SYS_ADMIN & 1u) &&
               (data[0].permitted >> CAP_SYS_CHROOT & 1u);
}

void mounting_close(void *state) {
        struct mounting *mounting = state;

        for (size_t i = 0; i < mounting->targets.n; i++)
                pattern_free(mounting->targets.items[i]);
        for (size_t i = 0; i < mounting->sources.n; i++)
                pattern_free(mounting->sources.items[i]);
        pthread_mutex_destroy(&mounting->lock);
        free(mounting);
}

int mounting_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct mounting *mounting;
        int r = options_new(rule->options, error, n_error, &options);

        if (r)
                return r;
        if (!has_privilege())
                return options_wrong(options,
                                     "mounting for the program needs the capabilities CAP_SYS_ADMIN and "
                                     "CAP_SYS_CHROOT, and callgate has none of them here: run it as "
                                     "root, or pretend with \"emulate: mount\"");
        mounting = calloc(1, sizeof(*mounting));
        if (!mounting)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&mounting->lock, NULL);
        r = read_patterns(options, "targets", &mounting->targets);
        if (!r)
                r = read_patterns(options, "sources", &mounting->sources);
        if (!r)
                r = read_types(options, mounting);
        if (!r)
                r = read_allowed(options, mounting);
        if (r)
                mounting_close(mounting);
        else
                *ret_state = mounting;
        return r;
}

bool mounting_takes(const struct mounting *mounting, const struct filesystem *filesystem) {
        return mounting->types[filesystem - filesystems];
}

bool mounting_matches(const struct patterns *patterns, const char *path) {
        for (size_t i = 0; i < patterns->n; i++)
                if (pattern_match(patterns->items[i], path, NULL, NULL))
                        return true;
        return false;
}

/* ---- what was mounted ---- */

bool mounting_forget(struct mounting *mounting, uint64_t number, bool really) {
        bool found = false;

        pthread_mutex_lock(&mounting->lock);
        for (size_t i = 0; number && !found && i < mounting->n; i++) {
                found = mounting->mounts[i] == number;
                if (found && really)
                        mounting->mounts[i] = mounting->mounts[--mounting->n];
        }
        pthread_mutex_unlock(&mounting->lock);
        return found;
}

bool mounting_remember(struct mounting *mounting, uint64_t number) {
        bool room;

        pthread_mutex_lock(&mounting->lock);
        room = mounting->n < MOUNTS_MAX;
        if (room && number)
                mounting->mounts[mounting->n++] = number;
        pthread_mutex_unlock(&mounting->lock);
        return room;
}
