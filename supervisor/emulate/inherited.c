/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Values that children inherit. A task that never differed from what all begin with has no entry; one that
 * did keeps its last values with the times they were set, so that a child which began in between gets the
 * right one.
 */

#include "supervisor/emulate/inherited.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "supervisor/call.h"
#include "supervisor/members.h"

#define TASKS_MAX    4096
#define VERSIONS_MAX 4 /* values of a task that are told apart by time */
#define DEPTH_MAX    64

struct version {
        uint64_t since; /* tick */
        void *value;
};

struct entry {
        uint32_t tid;
        uint64_t start;
        uint64_t asked; /* counts up */
        struct version versions[VERSIONS_MAX];
        size_t n;
};

struct inherited {
        size_t size;
        struct entry *entries;
        size_t n, room;
        uint64_t asked;
};

int inherited_new(size_t size, struct inherited **ret) {
        struct inherited *inherited = calloc(1, sizeof(*inherited));

        if (!inherited)
                return error_origin(-ENOMEM);
        inherited->size = size;
        *ret = inherited;
        return 0;
}

static void empty(struct entry *entry) {
        for (size_t i = 0; i < entry->n; i++)
                free(entry->versions[i].value);
        *entry = (struct entry){ 0 };
}

struct inherited *inherited_free(struct inherited *inherited) {
        if (!inherited)
                return NULL;
        for (size_t i = 0; i < inherited->n; i++)
                empty(&inherited->entries[i]);
        free(inherited->entries);
        free(inherited);
        return NULL;
}

static struct entry *find(struct inherited *inherited, const struct member *member) {
        for (size_t i = 0; i < inherited->n; i++) {
                struct entry *entry = &inherited->entries[i];

                if (entry->tid == member->tid && entry->start == member->start) {
                        entry->asked = ++inherited->asked;
                        return entry;
                }
        }
        return NULL;
}

static int add(struct inherited *inherited, const struct member *member, struct entry **ret) {
        struct entry *entry = NULL;

        /* A number in new hands: what its last owner had is of no use. */
        for (size_t i = 0; !entry && i < inherited->n; i++)
                if (inherited->entries[i].tid == member->tid)
                        entry = &inherited->entries[i];
        if (!entry && inherited->n == TASKS_MAX) {
                entry = &inherited->entries[0];
                for (size_t i = 1; i < inherited->n; i++)
                        if (inherited->entries[i].asked < entry->asked)
                                entry = &inherited->entries[i];
        }
        if (!entry && inherited->n == inherited->room) {
                size_t room = inherited->room ? inherited->room * 2 : 16;
                struct entry *grown = reallocarray(inherited->entries, room, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                inherited->entries = grown;
                inherited->room = room;
        }
        if (entry)
                empty(entry);
        else
                entry = &inherited->entries[inherited->n++];
        *entry = (struct entry){ .tid = member->tid, .start = member->start, .asked = ++inherited->asked };
        *ret = entry;
        return 0;
}

static int put(struct inherited *inherited, struct entry *entry, uint64_t since, const void *value) {
        void *copy = malloc(inherited->size);

        if (!copy)
                return error_origin(-ENOMEM);
        memcpy(copy, value, inherited->size);
        if (entry->n == VERSIONS_MAX) {
                /* What was valid before the oldest that is kept is taken for it. */
                free(entry->versions[0].value);
                memmove(entry->versions, entry->versions + 1,
                        (VERSIONS_MAX - 1) * sizeof(entry->versions[0]));
                entry->versions[0].since = 0;
                entry->n--;
        }
        entry->versions[entry->n++] = (struct version){ since, copy };
        return 0;
}

static const void *value_at(const struct entry *entry, uint64_t tick) {
        size_t i = entry->n;

        while (i > 1 && entry->versions[i - 1].since > tick)
                i--;
        return entry->versions[i - 1].value;
}

/* The nearest ancestor that has an entry; tick: when the line down to the task left it. */
static struct entry *ancestor(struct inherited *inherited, struct call *call, struct member at,
                              uint64_t *ret_tick) {
        for (int i = 0; i < DEPTH_MAX; i++) {
                /* Which thread made another cannot be known; the first one speaks for all. */
                uint32_t parent = at.tid == at.tgid ? at.parent : at.tgid;
                struct entry *entry;

                *ret_tick = at.start;
                if (parent <= 1 || members_look(call->kernel, parent, &at))
                        return NULL;
                entry = find(inherited, &at);
                if (entry)
                        return entry;
        }
        return NULL;
}

/* The entry of a task, made from its parents' if it has none; *ret stays NULL where nobody has one. */
static int entry_of(struct inherited *inherited, struct call *call, const struct member *member,
                    struct entry **ret) {
        const struct entry *from;
        const void *value;
        void *copy;
        uint64_t tick;
        int r;

        *ret = find(inherited, member);
        if (*ret)
                return 0;
        from = ancestor(inherited, call, *member, &tick);
        if (!from)
                return 0;
        /* add() may move or replace the entry it came from. */
        value = value_at(from, tick);
        copy = malloc(inherited->size);
        if (!copy)
                return error_origin(-ENOMEM);
        memcpy(copy, value, inherited->size);
        r = add(inherited, member, ret);
        if (!r)
                r = put(inherited, *ret, 0, copy);
        free(copy);
        return r;
}

int inherited_get(struct inherited *inherited, struct call *call, uint32_t tid, void *value) {
        struct member member;
        struct entry *entry;
        int r = members_look(call->kernel, tid, &member);

        if (!r)
                r = entry_of(inherited, call, &member, &entry);
        if (!r && entry)
                memcpy(value, entry->versions[entry->n - 1].value, inherited->size);
        return r;
}

int inherited_set(struct inherited *inherited, struct call *call, uint32_t tid, const void *initial,
                  const void *value) {
        struct timespec now;
        struct member member;
        struct entry *entry;
        int r = members_look(call->kernel, tid, &member);

        if (!r)
                r = entry_of(inherited, call, &member, &entry);
        if (!r && !entry)
                r = add(inherited, &member, &entry);
        /* For children that began before now. */
        if (!r && entry->n == 0)
                r = put(inherited, entry, 0, initial);
        if (r)
                return r;
        clock_gettime(CLOCK_BOOTTIME, &now);
        return put(inherited, entry, (uint64_t)now.tv_sec * 100 + (uint64_t)now.tv_nsec / 10000000, value);
}
