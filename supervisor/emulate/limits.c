/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Resource limits as the policy shows them. A resource that the policy does not name stays the kernel's: the
 * call is sent on, since its registers say so. Of a named one the shown limits are remembered for the
 * process and inherited by fork (supervisor/emulate/inherited.h). Raising them always succeeds and changes
 * nothing; whatever is below what the kernel really allows is also set for real, so that a program which
 * limits itself is limited.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/inherited.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/system.h"
#include "supervisor/members.h"

#define UNLIMITED   UINT64_MAX
#define UNLIMITED32 UINT32_MAX
#define OLD_MAX32   0x7fffffffu /* the most that i386's getrlimit shows */

_Static_assert(RLIM_NLIMITS == 16, "limits of the kernel");

static const struct {
        const char *name;
        unsigned number;
} resources[] = {
        { "cpu", RLIMIT_CPU },           { "fsize", RLIMIT_FSIZE },
        { "data", RLIMIT_DATA },         { "stack", RLIMIT_STACK },
        { "core", RLIMIT_CORE },         { "rss", RLIMIT_RSS },
        { "nproc", RLIMIT_NPROC },       { "nofile", RLIMIT_NOFILE },
        { "memlock", RLIMIT_MEMLOCK },   { "as", RLIMIT_AS },
        { "locks", RLIMIT_LOCKS },       { "sigpending", RLIMIT_SIGPENDING },
        { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
        { "rtprio", RLIMIT_RTPRIO },     { "rttime", RLIMIT_RTTIME },
};

struct limit {
        uint64_t soft, hard;
};

struct shown {
        struct limit limits[RLIM_NLIMITS];
};

struct limits {
        pthread_mutex_t lock; /* guards shown */
        bool named[RLIM_NLIMITS];
        struct shown initial;
        struct inherited *shown;
};

/* ---- options ---- */

static int read_limit(const struct option *option, uint64_t *ret) {
        const char *text = option_text(option);

        if (text && strcmp(text, "unlimited") == 0) {
                *ret = UNLIMITED;
                return 0;
        }
        return option_size(option, ret);
}

static int read_resource(struct limits *limits, const struct options *options, const char *name,
                         const struct option *option) {
        struct limit limit = { 0, 0 };
        size_t n = option_n(option), i = 0;
        int r = n == 1 || n == 2 ? 0 : -EINVAL;

        while (i < sizeof(resources) / sizeof(resources[0]) && strcmp(resources[i].name, name) != 0)
                i++;
        if (i == sizeof(resources) / sizeof(resources[0]))
                return options_wrong(
                        options,
                        "limits.%.40s is no resource: expected cpu, fsize, data, stack, core, rss, "
                        "nproc, nofile, memlock, as, locks, sigpending, msgqueue, nice, rtprio or "
                        "rttime",
                        name);
        if (!r)
                r = read_limit(option_at(option, 0, NULL), &limit.soft);
        limit.hard = limit.soft;
        if (!r && n == 2)
                r = read_limit(option_at(option, 1, NULL), &limit.hard);
        if (r || limit.soft > limit.hard)
                return options_wrong(
                        options,
                        "limits.%s: expected a number, \"unlimited\" or [soft, hard], soft being "
                        "no more than hard",
                        name);
        limits->named[resources[i].number] = true;
        limits->initial.limits[resources[i].number] = limit;
        return 0;
}

static void limits_close(void *state) {
        struct limits *limits = state;

        inherited_free(limits->shown);
        pthread_mutex_destroy(&limits->lock);
        free(limits);
}

static int limits_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        const struct option *map;
        struct limits *limits;
        int r = options_new(rule->options, error, n_error, &options);

        if (r)
                return r;
        limits = calloc(1, sizeof(*limits));
        if (!limits)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&limits->lock, NULL);
        r = inherited_new(sizeof(struct shown), &limits->shown);
        map = options_get(options, "limits");
        for (size_t i = 0; !r && i < option_n(map); i++) {
                const char *name;
                const struct option *option = option_at(map, i, &name);

                r = name ? read_resource(limits, options, name, option)
                         : options_wrong(options, "limits: expected a map of resources");
        }
        if (r)
                limits_close(limits);
        else
                *ret_state = limits;
        return r;
}

/* ---- what is shown ---- */

/*
 * Looks up what the process shows, and with next, puts that in its place. 0, EINVAL (positive: for the
 * task), MEMBER_E_NONE or -errno.
 */
static int exchange(struct call *call, uint32_t tgid, unsigned resource, const struct limit *next,
                    struct limit *ret_before) {
        struct limits *limits = emulation_state(call);
        struct shown shown = limits->initial;
        int r;

        if (next && next->soft > next->hard)
                return EINVAL;
        pthread_mutex_lock(&limits->lock);
        r = inherited_get(limits->shown, call, tgid, &shown);
        if (!r) {
                *ret_before = shown.limits[resource];
                if (next) {
                        shown.limits[resource] = *next;
                        r = inherited_set(limits->shown, call, tgid, &limits->initial, &shown);
                }
        }
        pthread_mutex_unlock(&limits->lock);
        return r;
}

/* What of it the kernel really lets the process have. Failing is all right: it stays as it was. */
static void apply(uint32_t tgid, unsigned resource, const struct limit *limit) {
        struct limit real;

        if (syscall(SYS_prlimit64, tgid, resource, NULL, &real) < 0)
                return;
        real.soft = limit->soft < real.hard ? limit->soft : real.hard;
        real.hard = limit->hard < real.hard ? limit->hard : real.hard;
        (void)syscall(SYS_prlimit64, tgid, resource, &real, NULL);
}

static bool is_named(struct call *call, unsigned resource) {
        struct limits *limits = emulation_state(call);

        return resource < RLIM_NLIMITS && limits->named[resource];
}

static int own_exchange(struct call *call, unsigned resource, const struct limit *next,
                        struct limit *ret_before) {
        uint32_t tgid = view_tgid(call);
        int r;

        if (tgid == 0)
                return CALL_E_GONE;
        r = exchange(call, tgid, resource, next, ret_before);
        if (r == MEMBER_E_NONE)
                return CALL_E_GONE;
        if (!r)
                r = target_confirm(call);
        if (!r && next)
                apply(tgid, resource, next);
        return r;
}

/* ---- calls ---- */

static uint32_t narrow(uint64_t value, uint32_t most) {
        return value > most ? most : (uint32_t)value;
}

static int write_limit(struct call *call, uint64_t address, const struct limit *limit, uint32_t most32) {
        uint32_t limit32[2] = { narrow(limit->soft, most32), narrow(limit->hard, most32) };

        return call_is_32bit(call) ? target_write(call, address, limit32, sizeof(limit32))
                                   : target_write(call, address, limit, sizeof(*limit));
}

static int get(struct call *call, uint32_t most32) {
        unsigned resource = (uint32_t)call->args[0];
        struct limit limit;
        int r;

        if (!is_named(call, resource))
                return answer_continue(call);
        r = own_exchange(call, resource, NULL, &limit);
        if (!r)
                r = write_limit(call, call->args[1], &limit, most32);
        return r ? target_error(call, r) : answer_errno(call, 0);
}

/* i386 has an old getrlimit beside ugetrlimit; elsewhere there is but one. */
static int emulate_getrlimit(struct call *call) {
        return get(call, OLD_MAX32);
}

static int emulate_ugetrlimit(struct call *call) {
        return get(call, UNLIMITED32);
}

static int emulate_setrlimit(struct call *call) {
        unsigned resource = (uint32_t)call->args[0];
        struct limit limit, before;
        uint32_t limit32[2];
        int r;

        if (!is_named(call, resource))
                return answer_continue(call);
        if (call_is_32bit(call)) {
                r = target_read(call, call->args[1], limit32, sizeof(limit32));
                limit.soft = limit32[0] == UNLIMITED32 ? UNLIMITED : limit32[0];
                limit.hard = limit32[1] == UNLIMITED32 ? UNLIMITED : limit32[1];
        } else {
                r = target_read(call, call->args[1], &limit, sizeof(limit));
        }
        if (!r)
                r = own_exchange(call, resource, &limit, &before);
        return r == EINVAL ? answer_errno(call, EINVAL) : r ? target_error(call, r) : answer_errno(call, 0);
}

/* The process whose limits are meant: 0, MEMBER_E_*, CALL_E_GONE, -errno. */
static int process_of(struct call *call, int32_t pid, uint32_t *ret_tgid) {
        struct member member;
        uint32_t tid;
        int r;

        *ret_tgid = view_tgid(call);
        if (*ret_tgid == 0)
                return CALL_E_GONE;
        if (pid == 0)
                return 0;
        r = pid < 0 ? MEMBER_E_NONE : members_translate(call, pid, &tid);
        if (!r)
                r = members_look(call->kernel, tid, &member);
        if (r || member.tgid == *ret_tgid)
                return r;
        *ret_tgid = member.tgid;
        return members_has(call, member.tgid);
}

/* Another process of the session, with no more authority than the caller has. */
static int other_exchange(struct call *call, uint32_t tgid, unsigned resource, const struct limit *next,
                          struct limit *ret_before) {
        struct limit real;
        int r = authority_assume(call), allowed;

        if (r)
                return r;
        /* The kernel asks for the same authority, whether limits are set or only read. */
        allowed = syscall(SYS_prlimit64, tgid, resource, NULL, &real) < 0 ? errno : 0;
        if (!allowed) {
                r = exchange(call, tgid, resource, next, ret_before);
                if (!r && next)
                        apply(tgid, resource, next);
        }
        authority_return(call);
        return allowed ? allowed : r;
}

/* Numbers are the same 64-bit ones for all callers. */
static int emulate_prlimit(struct call *call) {
        unsigned resource = (uint32_t)call->args[1];
        struct limit limit, before, *next = call->args[2] ? &limit : NULL;
        uint32_t tgid = 0;
        int r = 0;

        if (!is_named(call, resource))
                return answer_continue(call);
        if (next)
                r = target_read(call, call->args[2], next, sizeof(*next));
        if (!r)
                r = process_of(call, (int32_t)call->args[0], &tgid);
        if (!r)
                r = tgid == view_tgid(call) ? own_exchange(call, resource, next, &before)
                                            : other_exchange(call, tgid, resource, next, &before);
        if (r == MEMBER_E_NONE || r == MEMBER_E_FOREIGN)
                return answer_errno(call, r == MEMBER_E_NONE ? ESRCH : EPERM);
        if (r == EINVAL || r == EPERM || r == ESRCH)
                return answer_errno(call, r);
        if (!r && call->args[3])
                r = target_write(call, call->args[3], &before, sizeof(before));
        return r ? target_error(call, r) : answer_errno(call, 0);
}

static const struct emulator limits_rows[] = {
        { "getrlimit", emulate_getrlimit },
        { "ugetrlimit", emulate_ugetrlimit },
        { "setrlimit", emulate_setrlimit },
        { "prlimit64", emulate_prlimit },
        { 0 },
};

const struct emulation emulation_limits = {
        .name = "limits",
        .rows = limits_rows,
        .open = limits_open,
        .close = limits_close,
};
