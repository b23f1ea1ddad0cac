/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Few handles for many sessions: one nested epoll watches all listeners for their hang-up, one async says
 * that some receiver has ended, one timer kicks those that do not end by themselves. What must stay true: a
 * session that has ended is told of once, and is freed when nobody holds it and the publisher is done with
 * it.
 */

#include "supervisor/service/cgroup.h"
#include "supervisor/service/registry.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/adopt.h"
#include "supervisor/service/enact.h"
#include "supervisor/service/numbers.h"
#include "supervisor/service/publisher.h"

#define KICK_PERIOD_MS 10
#define HANGUPS        64 /* taken from the epoll at once */

struct entry {
        struct registered registered;
        void (*on_end)(void *data, struct registered *registered);
        void *data;
        unsigned holds;
        bool receiving; /* its receiver was started and not yet joined */
        bool kicked;    /* until it ends */
        bool closing;   /* although tasks are there */
        bool ended;
        bool keep_listener; /* a successor goes on with it */
        bool awaited;       /* a launcher that was cut off has not come again for its result yet */
        bool kept;          /* the keeper has it */
        bool published;
        struct metered metered; /* under the registry's lock */
};

struct registry {
        struct registry_options options;
        pthread_mutex_t
                lock; /* guards the list and the counts for other threads; written on the loop only */
        struct registered *first, *last;
        struct numbers numbers;
        struct registry_counts past; /* sessions that were forgotten, and what was turned away */
        struct totals totals;        /* the same, for metrics */
        size_t n_alive, n_ended;

        int hangups_fd; /* see on_hangups() */
        uv_poll_t hangups;
        uv_async_t ended;
        uv_timer_t kick;
        unsigned n_handles;

        bool walking; /* the list is being gone through: nobody is freed */
        bool stopping, handing_over;
        bool stopped; /* told so: no session is taken any more */
        void (*on_stopped)(void *data);
        void *stopped_data;
};

static struct entry *entry_of(const struct registered *registered) {
        return (struct entry *)(uintptr_t)registered; /* its first member */
}

/* ---- end ---- */

static void entry_free(struct entry *entry) {
        struct registered *registered = &entry->registered;

        session_free(registered->session);
        labels_deinit(&registered->labels);
        free(registered->metadata);
        free(registered->rule);
        free(registered->profile);
        free(registered->problem);
        free(registered->policy_path);
        free(entry);
}

static void add_ledger(struct ledger *to, const struct ledger *ledger) {
        uint64_t *sums = (uint64_t *)to;
        const uint64_t *terms = (const uint64_t *)ledger;

        for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++)
                sums[i] += terms[i];
}

/* Nobody needs it after us. */
static void let_go(struct registry *registry, struct entry *entry) {
        if (!entry->kept || entry->keep_listener)
                return;
        enact_drop(registry->options.keeper, &entry->registered);
        entry->kept = false;
}

static void forget(struct registry *registry, struct entry *entry) {
        struct registered **link = &registry->first, *before = NULL;
        struct ledger ledger;

        let_go(registry, entry);
        session_ledger(entry->registered.session, &ledger);
        pthread_mutex_lock(&registry->lock);
        while (*link != &entry->registered) {
                before = *link;
                link = &before->next;
        }
        *link = entry->registered.next;
        if (registry->last == &entry->registered)
                registry->last = before;
        add_ledger(&registry->past.ledger, &ledger);
        totals_forget(&registry->totals, &entry->metered);
        registry->n_ended--;
        pthread_mutex_unlock(&registry->lock);
        entry_free(entry);
}

static bool can_be_forgotten(const struct entry *entry) {
        return entry->ended && entry->published && entry->holds == 0;
}

/* By somebody who was cut off: unless he has the result already, or is no more. */
static bool is_awaited(const struct entry *entry) {
        const struct registered *registered = &entry->registered;

        if (!entry->awaited || journal_delivered(registered->session->journal))
                return false;
        return registered->pid == 0 || kill((pid_t)registered->pid, 0) == 0 || errno != ESRCH;
}

/* Until not more than n are left. */
static void forget_down_to(struct registry *registry, size_t n, bool awaited_too) {
        for (struct registered *at = registry->first, *next; at && registry->n_ended > n; at = next) {
                next = at->next;
                if (can_be_forgotten(entry_of(at)) && (awaited_too || !is_awaited(entry_of(at))))
                        forget(registry, entry_of(at));
        }
}

/* Keeps as many results as the configuration says; and those that somebody waits for, as long as there are
 * not as many more of them as there may be sessions. */
static void forget_oldest(struct registry *registry) {
        const struct config *config = registry->options.config;
        size_t kept = config ? config->limits.ended : 0;

        if (registry->walking)
                return;
        forget_down_to(registry, kept, false);
        forget_down_to(registry, kept + (config ? config->limits.sessions : 0), true);
}

void registry_hold(struct registered *registered) {
        entry_of(registered)->holds++;
}

void registry_release(struct registered *registered) {
        struct entry *entry = entry_of(registered);

        if (--entry->holds > 0)
                return;
        /* At the end nobody knows whether he has his result: he may ask the successor. */
        if (can_be_forgotten(entry) && !is_awaited(entry) && !registered->registry->handing_over)
                let_go(registered->registry, entry);
        forget_oldest(registered->registry);
}

bool registry_attend(struct registered *registered,
                     void (*on_end)(void *data, struct registered *registered), void *data) {
        struct entry *entry = entry_of(registered);

        if (entry->on_end)
                return false;
        entry->on_end = on_end;
        entry->data = data;
        entry->holds++;
        entry->awaited = false;
        return true;
}

/* Who is gone is not told of the end. */
static void leave_unattended(struct entry *entry, bool awaited) {
        entry->on_end = NULL;
        entry->data = NULL;
        entry->awaited = awaited;
        registry_release(&entry->registered);
}

void registry_delivered(struct registered *registered) {
        journal_deliver(registered->session->journal);
        leave_unattended(entry_of(registered), false);
}

void registry_unattend(struct registered *registered) {
        leave_unattended(entry_of(registered), true);
}

bool registry_has_ended(const struct registered *registered) {
        return entry_of(registered)->ended;
}

void registry_published(struct registered *registered) {
        struct registry *registry = registered->registry;

        struct entry *entry = entry_of(registered);

        entry->published = true;
        /* A result that somebody waits for must outlive us; as long as there is room for it. */
        if (can_be_forgotten(entry) && !is_awaited(entry))
                let_go(registry, entry);
        forget_oldest(registry);
}

/* ---- receivers ---- */

static uint64_t now_ns(void) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Others have the listener, too (the keeper, a successor): that we close ours does not take it out of the
 * epoll, which would go on naming an entry that is no more. */
static void unwatch(struct registry *registry, struct entry *entry) {
        epoll_ctl(registry->hangups_fd, EPOLL_CTL_DEL, entry->registered.session->listener_fd, NULL);
}

static void end(struct registry *registry, struct entry *entry) {
        struct registered *registered = &entry->registered;

        receiver_join(&registered->receiver);
        unwatch(registry, entry);
        entry->receiving = false;
        entry->ended = true;
        entry->kicked = false;
        registered->ending = entry->keep_listener ? ENDING_HANDED_OVER
                             : entry->closing     ? ENDING_CLOSED
                                                  : ENDING_LAST_TASK;
        registered->ended_ns = now_ns();
        /* Nobody receives any more: whoever still waits is to know (ENOSYS), unless a successor comes. */
        if (!entry->keep_listener)
                registered->session->listener_fd = fd_close(registered->session->listener_fd);
        pthread_mutex_lock(&registry->lock);
        registry->n_alive--;
        registry->n_ended++;
        totals_end(&entry->metered);
        pthread_mutex_unlock(&registry->lock);
        /* What is handed over has not ended for those who read about it: the publisher goes on reading. */
        if (!registry->options.publisher)
                entry->published = true;
        else if (registered->ending != ENDING_HANDED_OVER)
                publisher_end(registry->options.publisher, registered);
        if (entry->on_end)
                entry->on_end(entry->data, registered);
        if (registry->options.on_end)
                registry->options.on_end(registry->options.data);
}

static void on_ended(uv_async_t *async) {
        struct registry *registry = async->data;

        registry->walking = true;
        for (struct registered *at = registry->first; at; at = at->next) {
                struct entry *entry = entry_of(at);

                if (entry->receiving && receiver_done(&at->receiver))
                        end(registry, entry);
        }
        registry->walking = false;
        forget_oldest(registry);
        if (registry->stopping && registry->n_alive == 0 && registry->on_stopped) {
                void (*on_stopped)(void *data) = registry->on_stopped;

                registry->on_stopped = NULL;
                registry->stopped = true;
                on_stopped(registry->stopped_data);
        }
}

/* On a receiver's thread. */
static void on_receiver_end(void *data, int r) {
        struct registry *registry = data;

        (void)r; /* trouble is counted in the ledger; there is nothing to go on with */
        uv_async_send(&registry->ended);
}

static void on_kick(uv_timer_t *timer) {
        struct registry *registry = timer->data;
        bool any = false;

        for (struct registered *at = registry->first; at; at = at->next)
                if (entry_of(at)->kicked && entry_of(at)->receiving && !receiver_done(&at->receiver)) {
                        receiver_kick(&at->receiver);
                        any = true;
                }
        if (!any)
                uv_timer_stop(timer);
}

static void kick_soon(struct registry *registry, struct entry *entry, unsigned delay_ms) {
        entry->kicked = true;
        if (!uv_is_active((uv_handle_t *)&registry->kick))
                uv_timer_start(&registry->kick, on_kick, delay_ms, KICK_PERIOD_MS);
}

/*
 * The last task of some listeners is gone. The nested epoll asks for nothing but EPOLLHUP, so that calls do
 * not wake the loop (uv_poll cannot ask for less than readable, and reports a hang-up as readable). The
 * receiver usually sees the end by itself; kernels before 6.11 leave it asleep.
 */
static void on_hangups(uv_poll_t *poll, int status, int events) {
        struct registry *registry = poll->data;
        struct epoll_event found[HANGUPS];
        int n = epoll_wait(registry->hangups_fd, found, HANGUPS, 0);

        (void)status;
        (void)events;
        for (int i = 0; i < n; i++) {
                struct entry *entry = found[i].data.ptr;

                unwatch(registry, entry); /* said once */
                kick_soon(registry, entry, KICK_PERIOD_MS);
        }
}

/* ---- begin ---- */

static size_t alive_of(const struct registry *registry, uint32_t uid) {
        size_t n = 0;

        for (const struct registered *at = registry->first; at; at = at->next)
                n += at->uid == uid && !entry_of(at)->ended;
        return n;
}

static int admit(struct registry *registry, const struct registration *registration) {
        const struct config *config = registry->options.config;
        const struct kernel *kernel = registry->options.kernel;

        if (!kernel->is_listener(kernel->data, registration->listener_fd))
                return REGISTRY_E_FOREIGN;
        if (registry->stopped || (registry->stopping && !registry->handing_over))
                return REGISTRY_E_ENDING;
        if (!config || registration->adopted)
                return 0;
        if (registry->n_alive >= config->limits.sessions)
                return REGISTRY_E_LIMIT;
        /* All containers of a machine are root's. */
        if (registration->uid != 0 &&
            alive_of(registry, registration->uid) >= config->limits.sessions_per_uid)
                return REGISTRY_E_LIMIT;
        return 0;
}

/* Where it runs, by the machine's word, whatever a launcher says. */
static int label_place(const struct config *config, uint32_t pid, struct labels *labels) {
        int r = config->node ? labels_set(labels, "node", config->node) : 0;

        return error_trace(r ? r : cgroup_label(pid, labels));
}

static int describe(struct registry *registry, const struct registration *registration,
                    struct entry *entry) {
        struct registered *registered = &entry->registered;
        int r = 0;

        registered->origin = registration->origin;
        registered->uid = registration->uid;
        registered->pid = registration->pid;
        registered->began_ns = now_ns();
        registered->registry = registry;
        entry->on_end = registration->on_end;
        entry->data = registration->data;
        entry->holds = registration->on_end ? 1 : 0;
        entry->awaited = registration->adopted && registration->origin == ORIGIN_AGENT;
        if (registration->labels)
                r = labels_copy(registration->labels, &registered->labels);
        if (!r && registry->options.config && !registration->adopted)
                r = label_place(registry->options.config, registration->pid, &registered->labels);
        if (!r && registration->metadata) {
                registered->metadata = strdup(registration->metadata);
                r = registered->metadata ? 0 : error_origin(-ENOMEM);
        }
        if (!r && registration->profile) {
                registered->profile = strdup(registration->profile);
                r = registered->profile ? 0 : error_origin(-ENOMEM);
        }
        return error_trace(r);
}

static void append(struct registry *registry, struct entry *entry) {
        struct registered *registered = &entry->registered;

        pthread_mutex_lock(&registry->lock);
        if (registry->last)
                registry->last->next = registered;
        else
                registry->first = registered;
        registry->last = registered;
        registry->past.sessions++;
        registry->n_alive++;
        totals_begin(&registry->totals, &entry->metered, &registered->session->meter, registered->mode,
                     registered->profile);
        pthread_mutex_unlock(&registry->lock);
}

static int start(struct registry *registry, struct entry *entry, const struct adopted *adopted) {
        struct registered *registered = &entry->registered;
        struct epoll_event event = { .events = 0,
                                     .data.ptr = entry }; /* EPOLLHUP and EPOLLERR always come */
        int r = 0;

        if (registry->options.keeper) {
                r = enact_keep(registry->options.keeper, registered,
                               adopted && adopted->kept == JOURNAL_WHOLE);
                entry->kept = !r;
        }
        if (!r &&
            epoll_ctl(registry->hangups_fd, EPOLL_CTL_ADD, registered->session->listener_fd, &event) < 0)
                r = error_origin(-errno);
        if (!r)
                r = receiver_start(&registered->receiver, registered->session, on_receiver_end, registry);
        entry->receiving = !r;
        return error_trace(r);
}

static void withdraw(struct registry *registry, struct entry *entry) {
        unwatch(registry, entry);
        entry->registered.session->listener_fd = fd_close(entry->registered.session->listener_fd);
        pthread_mutex_lock(&registry->lock);
        registry->n_alive--;
        registry->n_ended++;
        pthread_mutex_unlock(&registry->lock);
        entry->ended = entry->published = true;
        entry->holds = 0;
        forget(registry, entry);
}

static void leave(struct registry *registry, struct entry *entry) {
        entry->keep_listener = registry->handing_over;
        if (entry->keep_listener)
                session_leave(entry->registered.session);
        entry->closing = true;
        kick_soon(registry, entry, 0);
}

static void note_refused(struct registry *registry, int r) {
        enum totals_refusal why = r == REGISTRY_E_LIMIT     ? TOTALS_REFUSED_LIMIT
                                  : r == REGISTRY_E_REFUSED ? TOTALS_REFUSED_RULE
                                  : r == REGISTRY_E_FOREIGN ? TOTALS_REFUSED_FOREIGN
                                                            : TOTALS_REFUSED_TROUBLE;

        pthread_mutex_lock(&registry->lock);
        registry->past.refused++;
        registry->totals.refused[why]++;
        pthread_mutex_unlock(&registry->lock);
}

int registry_add(struct registry *registry, struct registration *registration, struct registered **ret) {
        struct entry *entry;
        int r = admit(registry, registration);

        if (r) {
                note_refused(registry, r);
                return r;
        }
        entry = calloc(1, sizeof(*entry));
        r = entry ? describe(registry, registration, entry) : error_origin(-ENOMEM);
        if (!r && !registration->adopted)
                r = numbers_next(&registry->numbers, &entry->registered.number);
        if (!r)
                r = enact_begin(&registry->options, registration, &entry->registered);
        if (r) {
                if (entry)
                        entry_free(entry);
                note_refused(registry, r);
                return error_trace(r);
        }
        append(registry, entry);
        if (registry->options.publisher)
                publisher_expect(registry->options.publisher, &entry->registered);
        r = start(registry, entry, registration->adopted);
        if (r) {
                withdraw(registry, entry);
                return error_trace(r);
        }
        if (registry->options.publisher)
                publisher_begin(registry->options.publisher, &entry->registered);
        /* What was on its way when we were told to hand over goes with the rest. */
        if (registry->stopping)
                leave(registry, entry);
        *ret = &entry->registered;
        return 0;
}

/* ---- what others ask ---- */

struct registered *registry_first(struct registry *registry) {
        return registry->first;
}

struct registered *registry_find(struct registry *registry, uint64_t number) {
        struct registered *at = registry->first;

        while (at && at->number != number)
                at = at->next;
        return at;
}

size_t registry_kept(const struct registry *registry) {
        size_t n = 0;

        for (const struct registered *at = registry->first; at; at = at->next)
                n += entry_of(at)->kept;
        return n;
}

size_t registry_alive(const struct registry *registry) {
        return registry->n_alive;
}

int registry_change(struct registry *registry, struct registered *registered,
                    struct assignment *assignment) {
        int r;

        if (entry_of(registered)->ended)
                return REGISTRY_E_UNKNOWN;
        r = enact_change(registry->options.config, registered, assignment);
        if (!r) {
                pthread_mutex_lock(&registry->lock);
                totals_change(&registry->totals, &entry_of(registered)->metered, registered->mode,
                              registered->profile);
                pthread_mutex_unlock(&registry->lock);
        }
        if (!r && registry->options.publisher)
                publisher_change(registry->options.publisher, registered);
        return error_trace(r);
}

static bool differs(const struct registered *registered, const struct assignment *assignment) {
        const char *old = registered->profile ? registered->profile : "",
                   *new = assignment->profile ? assignment->profile : "";

        return registered->mode != assignment->mode || strcmp(old, new) != 0 ||
               registered->all != assignment->all ||
               registered->include_runtime != assignment->include_runtime || assignment->filter.n > 0 ||
               assignment->policy;
}

size_t registry_configure(struct registry *registry, const struct config *config) {
        size_t n = 0;

        registry->options.config = config;
        for (struct registered *at = registry->first; at; at = at->next) {
                struct assignment assignment = { 0 };

                if (entry_of(at)->ended || at->origin != ORIGIN_OCI || at->chosen)
                        continue;
                if (config_assign(config, &at->labels, at->uid, at->metadata, &assignment) == 0 &&
                    !assignment.refused && differs(at, &assignment) &&
                    registry_change(registry, at, &assignment) == 0)
                        n++;
                assignment_deinit(&assignment);
        }
        return n;
}

void registry_close(struct registry *registry, struct registered *registered) {
        if (entry_of(registered)->ended)
                return;
        entry_of(registered)->closing = true;
        kick_soon(registry, entry_of(registered), 0);
}

void registry_stop(struct registry *registry, bool hand_over, void (*done)(void *data), void *data) {
        registry->stopping = true;
        registry->handing_over = hand_over && registry->options.keeper;
        registry->on_stopped = done;
        registry->stopped_data = data;
        for (struct registered *at = registry->first; at; at = at->next) {
                struct entry *entry = entry_of(at);

                if (entry->ended)
                        continue;
                leave(registry, entry);
        }
        uv_async_send(&registry->ended);
}

void registry_counts(struct registry *registry, struct registry_counts *ret) {
        pthread_mutex_lock(&registry->lock);
        *ret = registry->past;
        ret->alive = registry->n_alive;
        for (struct registered *at = registry->first; at; at = at->next) {
                struct ledger ledger;

                session_ledger(at->session, &ledger);
                add_ledger(&ret->ledger, &ledger);
        }
        pthread_mutex_unlock(&registry->lock);
}

void registry_totals(struct registry *registry, struct totals *ret) {
        pthread_mutex_lock(&registry->lock);
        *ret = registry->totals;
        for (struct registered *at = registry->first; at; at = at->next)
                totals_add(ret, &entry_of(at)->metered);
        pthread_mutex_unlock(&registry->lock);
}

/* ---- life ---- */

static void on_closed(uv_handle_t *handle) {
        struct registry *registry = handle->data;

        if (--registry->n_handles > 0)
                return;
        fd_close(registry->hangups_fd);
        pthread_mutex_destroy(&registry->lock);
        free(registry);
}

int registry_new(const struct registry_options *options, struct registry **ret) {
        struct registry *registry = calloc(1, sizeof(*registry));
        int r;

        if (!registry)
                return error_origin(-ENOMEM);
        registry->options = *options;
        registry->numbers = NUMBERS_INIT(options->state);
        registry->hangups.data = registry->ended.data = registry->kick.data = registry;
        pthread_mutex_init(&registry->lock, NULL);
        registry->hangups_fd = epoll_create1(EPOLL_CLOEXEC);
        r = registry->hangups_fd < 0 ? -errno
                                     : uv_poll_init(options->loop, &registry->hangups, registry->hangups_fd);
        if (r) {
                fd_close(registry->hangups_fd);
                pthread_mutex_destroy(&registry->lock);
                free(registry);
                return error_origin(r);
        }
        registry->n_handles = 1;
        uv_timer_init(options->loop, &registry->kick);
        registry->n_handles++;
        r = uv_async_init(options->loop, &registry->ended, on_ended);
        if (!r)
                registry->n_handles++;
        if (!r)
                r = uv_poll_start(&registry->hangups, UV_READABLE, on_hangups);
        if (r) {
                registry_free(registry);
                return error_origin(r);
        }
        *ret = registry;
        return 0;
}

struct registry *registry_free(struct registry *registry) {
        if (!registry)
                return NULL;
        while (registry->first) {
                struct registered *first = registry->first;

                registry->first = first->next;
                entry_free(entry_of(first));
        }
        uv_close((uv_handle_t *)&registry->hangups, on_closed);
        uv_close((uv_handle_t *)&registry->kick, on_closed);
        if (registry->ended.type != UV_UNKNOWN_HANDLE)
                uv_close((uv_handle_t *)&registry->ended, on_closed);
        return NULL;
}
