/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which process believes to be whom.
 *
 * A table by process number would have to see every fork, and in time: a parent may change its ids, or die,
 * before the child makes its first call. So the kernel itself carries the number of an identity from process
 * to process: as the soft limit RLIMIT_LOCKS, which it has not looked at since 2.4 but still copies at fork,
 * keeps over execve, shares between the threads of a process and forgets with it. No entry outlives its
 * process, no number of a process used again inherits anything, and whoever got an identity by fork has the
 * one of that moment. A program that changes the limit would lose its identity, so it sees another one:
 * root_limit(). There is no harm in a program that gets past that: it is root again, which is worth nothing.
 *
 * execve changes some identities (root_identity.h) and is not notified, since most executions would be for
 * nothing. An identity that it would change is kept together with the program image it was taken on in,
 * known by the random bytes the kernel gives to each (AT_RANDOM); on another image it is what execve makes
 * of it.
 *
 * What must stay true: an identity with a number never changes, and lives as long as the session.
 */

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/error.h"
#include "supervisor/emulate/root.h"

#define TOKEN_FIRST      0x63670000u /* "cg"; the soft limit of number 0 */
#define IDENTITIES_MAX   65536u
#define GROUPS_BYTES_MAX (16u << 20) /* of all identities */
#define IMAGE_BYTES      16u
#define AUXV_BYTES_MAX   4096u

struct known {
        struct identity identity;
        bool fleeting; /* execve changes it */
        unsigned char image[IMAGE_BYTES];
        uint32_t hash, next; /* number + 1 of the next in the bucket */
};

#define BUCKETS 1024u
struct identities {
        pthread_mutex_t lock;
        struct known *items; /* number 0: root */
        size_t n, size, group_bytes;
        uint32_t buckets[BUCKETS]; /* number + 1 */
};

/* ---- identities by number ---- */

static bool same_known(const struct known *a, const struct known *b) {
        return a->hash == b->hash && a->fleeting == b->fleeting &&
               (!a->fleeting || memcmp(a->image, b->image, IMAGE_BYTES) == 0) &&
               identity_same(&a->identity, &b->identity);
}

static int copy_groups(struct identities *identities, struct known *known) {
        size_t bytes = known->identity.n_groups * sizeof(uint32_t);
        uint32_t *copy;

        if (bytes == 0) {
                known->identity.groups = NULL;
                return 0;
        }
        if (identities->group_bytes + bytes > GROUPS_BYTES_MAX)
                return error_origin(-ENOSPC);
        copy = malloc(bytes);
        if (!copy)
                return error_origin(-ENOMEM);
        memcpy(copy, known->identity.groups, bytes);
        known->identity.groups = copy;
        identities->group_bytes += bytes;
        return 0;
}

/* The number of an identity, given to it where it is new. */
static int number_of(struct identities *identities, struct known *wanted, uint32_t *ret) {
        uint32_t *bucket = &identities->buckets[wanted->hash % BUCKETS];
        int r;

        for (uint32_t at = *bucket; at; at = identities->items[at - 1].next)
                if (same_known(&identities->items[at - 1], wanted)) {
                        *ret = at - 1;
                        return 0;
                }
        if (identities->n >= IDENTITIES_MAX)
                return error_origin(-ENOSPC);
        if (identities->n == identities->size) {
                size_t size = identities->size ? identities->size * 2 : 8;
                struct known *grown = realloc(identities->items, size * sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                identities->items = grown;
                identities->size = size;
        }
        r = copy_groups(identities, wanted);
        if (r)
                return error_trace(r);
        wanted->next = *bucket;
        identities->items[identities->n++] = *wanted;
        *bucket = (uint32_t)identities->n;
        *ret = *bucket - 1;
        return 0;
}

int identities_new(unsigned last_capability, struct identities **ret) {
        struct identities *identities = calloc(1, sizeof(*identities));
        struct known root = { .identity = identity_root(last_capability) };
        uint32_t number;
        int r;

        if (!identities)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&identities->lock, NULL);
        root.hash = identity_hash(&root.identity);
        r = number_of(identities, &root, &number);
        if (r) {
                identities_free(identities);
                return error_trace(r);
        }
        *ret = identities;
        return 0;
}

struct identities *identities_free(struct identities *identities) {
        if (!identities)
                return NULL;
        for (size_t i = 0; i < identities->n; i++)
                free((void *)(uintptr_t)identities->items[i].identity.groups);
        free(identities->items);
        pthread_mutex_destroy(&identities->lock);
        free(identities);
        return NULL;
}

/* ---- program images ---- */

/* Value of an entry of an auxiliary vector of either word size, or 0. */
static uint64_t auxv_value(const unsigned char *auxv, size_t n, size_t word, uint64_t wanted) {
        for (size_t at = 0; at + 2 * word <= n; at += 2 * word) {
                uint64_t type = 0, value = 0;

                if (word == 8) {
                        memcpy(&type, auxv + at, 8);
                        memcpy(&value, auxv + at + 8, 8);
                } else {
                        uint32_t narrow[2];

                        memcpy(narrow, auxv + at, 8);
                        type = narrow[0];
                        value = narrow[1];
                }
                if (type == wanted)
                        return value;
                /* Not a vector of this word size. */
                if (type == AT_NULL || type > UINT16_MAX)
                        return 0;
        }
        return 0;
}

/* All zero where it cannot be known: then execve goes unnoticed. */
static int image_of(struct call *call, unsigned char ret[IMAGE_BYTES]) {
        unsigned char auxv[AUXV_BYTES_MAX];
        long n = call->kernel->read_proc(call->kernel->data, call->tid, "auxv", auxv, sizeof(auxv), 0);
        uint64_t address = 0;
        int r;

        memset(ret, 0, IMAGE_BYTES);
        if (n == -ESRCH || n == -ENOENT)
                return CALL_E_GONE;
        if (n > 0)
                address = auxv_value(auxv, (size_t)n, 8, AT_RANDOM);
        if (n > 0 && !address)
                address = auxv_value(auxv, (size_t)n, 4, AT_RANDOM);
        if (!address)
                return 0;
        r = target_read(call, address, ret, IMAGE_BYTES);
        if (r == CALL_E_FAULT) {
                memset(ret, 0, IMAGE_BYTES);
                r = 0;
        }
        return error_trace(r);
}

/* ---- of processes ---- */

static int limit(struct call *call, const struct rlimit64 *set, struct rlimit64 *ret_old) {
        int r = call->kernel->limit(call->kernel->data, call->tid, RLIMIT_LOCKS, set, ret_old);

        return r == -ESRCH ? CALL_E_GONE : error_origin(r);
}

int root_identity(struct call *call, struct root *root, struct identity *ret) {
        struct identities *identities = root->identities;
        unsigned char image[IMAGE_BYTES];
        struct known known;
        struct rlimit64 old;
        uint64_t number = 0;
        int r = limit(call, NULL, &old);

        if (r)
                return r;
        if (old.rlim_cur >= TOKEN_FIRST)
                number = old.rlim_cur - TOKEN_FIRST;
        pthread_mutex_lock(&identities->lock);
        known = identities->items[number < identities->n ? number : 0];
        pthread_mutex_unlock(&identities->lock);
        if (known.fleeting) {
                r = image_of(call, image);
                if (r)
                        return r;
                if (memcmp(image, known.image, IMAGE_BYTES) != 0)
                        identity_exec(&known.identity);
        }
        *ret = known.identity;
        return 0;
}

int root_become(struct call *call, struct root *root, const struct identity *identity) {
        struct identities *identities = root->identities;
        struct known known = { .identity = *identity };
        struct identity after = *identity;
        struct rlimit64 old, set;
        uint32_t number;
        int r;

        identity_exec(&after);
        known.fleeting = !identity_same(&after, identity);
        known.hash = identity_hash(identity);
        if (known.fleeting) {
                r = image_of(call, known.image);
                if (r)
                        return r;
        }
        pthread_mutex_lock(&identities->lock);
        r = number_of(identities, &known, &number);
        pthread_mutex_unlock(&identities->lock);
        if (r)
                return error_trace(r);
        r = limit(call, NULL, &old);
        if (!r)
                r = target_confirm(call);
        if (r)
                return r;
        set = (struct rlimit64){ .rlim_cur = TOKEN_FIRST + number, .rlim_max = old.rlim_max };
        return limit(call, &set, NULL);
}

/* ---- what programs see of the limit ---- */

/* Which arguments hold what: getrlimit and setrlimit, or prlimit64 that is both. */
static const struct limit_call {
        const char *name;
        int set, get; /* -1: none */
        bool wide;    /* 64-bit fields whoever calls */
} limit_calls[] = {
        { "getrlimit", -1, 1, false },
        { "ugetrlimit", -1, 1, false },
        { "setrlimit", 1, -1, false },
        { "prlimit64", 2, 3, true },
};

static const struct limit_call *limit_call(const char *name) {
        for (size_t i = 0; i < sizeof(limit_calls) / sizeof(limit_calls[0]); i++)
                if (strcmp(limit_calls[i].name, name) == 0)
                        return &limit_calls[i];
        return NULL;
}

static int read_limits(struct call *call, uint64_t address, bool narrow, uint64_t ret[2]) {
        uint32_t halves[2];
        int r;

        if (!narrow)
                return target_read(call, address, ret, 2 * sizeof(*ret));
        r = target_read(call, address, halves, sizeof(halves));
        ret[0] = halves[0];
        ret[1] = halves[1];
        return r;
}

static int write_limits(struct call *call, uint64_t address, bool narrow, uint64_t soft, uint64_t hard) {
        /* The first getrlimit of i386 knew no more than 31 bits. */
        uint32_t most = strcmp(call->name, "getrlimit") == 0 ? INT32_MAX : UINT32_MAX;
        uint32_t halves[2] = { soft > most ? most : (uint32_t)soft, hard > most ? most : (uint32_t)hard };
        uint64_t both[2] = { soft, hard };

        return narrow ? target_write(call, address, halves, sizeof(halves))
                      : target_write(call, address, both, sizeof(both));
}

/* The soft limit seems to be as high as the hard one, and what is asked for is accepted: nothing obeys it.
 */
int root_limit(struct call *call) {
        const struct limit_call *row = limit_call(call->name);
        bool narrow = !row->wide && call_is_32bit(call);
        uint64_t wanted[2];
        struct rlimit64 old;
        int r = limit(call, NULL, &old);

        if (!r && row->set >= 0 && call->args[row->set]) {
                r = read_limits(call, call->args[row->set], narrow, wanted);
                if (!r && wanted[0] > wanted[1])
                        return answer_errno(call, EINVAL);
        }
        if (!r && row->get >= 0 && (call->args[row->get] || !row->wide))
                r = write_limits(call, call->args[row->get], narrow, old.rlim_max, old.rlim_max);
        return r ? r : answer_value(call, 0);
}
