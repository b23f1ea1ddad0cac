/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The publisher's thread.
 *
 * What must stay true: no session's thread ever waits for it, and the service's thread only for a lock that
 * is held shortly. A count that was taken from a session is handed to every outlet of the configuration, and
 * what is not taken stays with the session, so counts come later but are never lost. No session gets more of
 * a tick than its share while others have something, whatever it does. A session in which nothing happened
 * costs a look at its ledger.
 */

#include "supervisor/service/publisher.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/error.h"
#include "supervisor/service/log.h"
#include "supervisor/service/outlets.h"
#include "supervisor/service/published.h"
#include "supervisor/service/registry.h"

#define SHARE                64 /* rows, and occurrences, of one session before the next has its turn */
#define TURN_NS              UINT64_C(50000000) /* of a tick: 50 ms */
#define SHARES_BEFORE_CHANGE 1000     /* of a session that is to become another; a flood would have no end */
#define LOOK_NS              10000000 /* how often outlets are asked whether their peers have all: 10 ms */

enum command_kind {
        COMMAND_BEGIN,
        COMMAND_CHANGE,
        COMMAND_END,
        COMMAND_OUTLETS,
        COMMAND_ATTACH,
        COMMAND_DETACH
};

/* From the service's thread to ours, in order. */
struct command {
        struct command *next;
        enum command_kind kind;
        struct published *published;    /* BEGIN, CHANGE, END */
        struct published_state state;   /* CHANGE; owned */
        struct outlet_configs outlets;  /* OUTLETS; owned */
        struct published_limits limits; /* OUTLETS */
        struct outlet *outlet;          /* ATTACH, DETACH */
};

struct publisher {
        struct publisher_options options;
        pthread_t thread;
        uv_loop_t loop; /* ours */
        uv_async_t wake;
        uv_timer_t tick;
        uv_async_t returned; /* on the service's loop */
        atomic_int want_all;
        unsigned wait_ms;

        pthread_mutex_t lock; /* guards these */
        struct command *commands, **commands_end;
        struct published *finals; /* ended and handed on; for the service's thread */
        bool stopping;

        /* The thread's own. */
        struct outlets outlets;
        struct published *first, **end; /* by the time they began */
        uint64_t last;                  /* number of the session that had its turn last */
        struct published_limits limits;
        bool streams_change;
        int streams_all; /* want_all as it was looked at last */
};

/* ---- one session ---- */

static void give(struct publisher *publisher, struct published *published, enum publication_kind kind,
                 const struct event *event, uint64_t lost, const struct ledger *ledger) {
        const struct publication publication = {
                .kind = kind,
                .now_ns = published_now(),
                .source = &published->source,
                .event = event,
                .ledger = ledger,
                .lost = lost,
        };

        outlets_take(&publisher->outlets, &publication);
}

static size_t give_rows(struct publisher *publisher, struct published *published, size_t share) {
        struct event event;
        size_t n = 0;

        while (n < share && published_row(published, &event)) {
                event.source = published->source.number;
                give(publisher, published, PUBLICATION_ROW, &event, 0, NULL);
                n++;
        }
        return n;
}

static size_t give_occurrences(struct publisher *publisher, struct published *published, size_t share) {
        struct event event;
        uint64_t lost;
        size_t n = 0;

        while (n < share && published_occurrence(published, &event, &lost)) {
                event.source = published->source.number;
                if (lost > 0)
                        give(publisher, published, PUBLICATION_LOST, NULL, lost, NULL);
                else
                        give(publisher, published, PUBLICATION_EVENT, &event, 0, NULL);
                n++;
        }
        return n;
}

/* Hands on a share. Is there perhaps more? */
static bool serve(struct publisher *publisher, struct published *published) {
        size_t n = give_occurrences(publisher, published, SHARE);
        struct ledger ledger;

        n += give_rows(publisher, published, SHARE);
        published->unserved = n > 0;
        if (n > 0 || !published->ended)
                return n > 0;
        if (!published_done(published))
                return true;
        session_ledger(published->session, &ledger);
        give(publisher, published, PUBLICATION_END, NULL, 0, &ledger);
        published->over = true;
        return false;
}

/* ---- all of them ---- */

/* A queue of sessions with something to say. */
struct queue {
        struct published *first, **end;
};

static void queue_add(struct queue *queue, struct published *published) {
        published->next_active = NULL;
        *queue->end = published;
        queue->end = &published->next_active;
}

/* The first is whoever comes after the one that had its turn last. */
static void gather(struct publisher *publisher, bool everything, struct queue *ret) {
        struct queue before = { .end = &before.first };
        uint64_t now_ns = uv_hrtime();

        *ret = (struct queue){ .end = &ret->first };
        for (struct published *published = publisher->first; published; published = published->next)
                if (!published->over &&
                    published_look(published, now_ns, publisher->limits.interval_ns, everything))
                        queue_add(published->source.number > publisher->last ? ret : &before, published);
        *ret->end = before.first;
        if (before.first)
                ret->end = before.end;
}

static void turn(struct publisher *publisher, bool everything) {
        uint64_t begin_ns = uv_hrtime();
        struct queue queue;

        gather(publisher, everything, &queue);
        while (queue.first && (everything || uv_hrtime() - begin_ns < TURN_NS)) {
                struct published *published = queue.first;

                queue.first = published->next_active;
                if (!queue.first)
                        queue.end = &queue.first;
                publisher->last = published->source.number;
                if (serve(publisher, published))
                        queue_add(&queue, published);
        }
}

/* Ended sessions of which all was handed on go back to the service's thread. */
static void give_back(struct publisher *publisher) {
        struct published **slot = &publisher->first;
        bool any = false;

        while (*slot) {
                struct published *published = *slot;

                if (!published->over) {
                        slot = &published->next;
                        continue;
                }
                *slot = published->next;
                publisher->streams_change |= published->stream_bytes > 0;
                pthread_mutex_lock(&publisher->lock);
                published->next = publisher->finals;
                publisher->finals = published;
                pthread_mutex_unlock(&publisher->lock);
                any = true;
        }
        publisher->end = slot;
        if (any)
                uv_async_send(&publisher->returned);
}

static void on_tick(uv_timer_t *timer) {
        struct publisher *publisher = timer->data;
        int want_all = atomic_load(&publisher->want_all);

        if (publisher->streams_change || want_all != publisher->streams_all) {
                published_streams(publisher->first, &publisher->limits, want_all > 0);
                publisher->streams_change = false;
                publisher->streams_all = want_all;
        }
        turn(publisher, false);
        outlets_flush(&publisher->outlets);
        give_back(publisher);
}

/* ---- commands ---- */

static void begin(struct publisher *publisher, struct published *published) {
        *publisher->end = published;
        publisher->end = &published->next;
        publisher->streams_change |= published->source.all || publisher->streams_all > 0;
        give(publisher, published, PUBLICATION_BEGIN, NULL, 0, NULL);
}

static void on_new_outlet(void *data, struct outlet *outlet) {
        struct publisher *publisher = data;

        for (struct published *published = publisher->first; published; published = published->next) {
                const struct publication publication = {
                        .kind = PUBLICATION_BEGIN,
                        .now_ns = published_now(),
                        .source = &published->source,
                };

                outlet->take(outlet, &publication);
        }
}

/* What was counted until now goes out as what it was counted for; calls while that happens may do so twice.
 */
static void change(struct publisher *publisher, struct published *published, struct published_state *state) {
        size_t n = 1;

        if (state->all && !published->source.all)
                session_stream(published->session, publisher->limits.event_bytes);
        /* What there is already belongs to the mode and profile that the session had. */
        published_look(published, uv_hrtime(), 0, true);
        for (unsigned i = 0; i < SHARES_BEFORE_CHANGE && n > 0; i++)
                n = give_occurrences(publisher, published, SHARE) + give_rows(publisher, published, SHARE);
        publisher->streams_change |= state->all != published->source.all;
        published_become(published, state);
        give(publisher, published, PUBLICATION_BEGIN, NULL, 0, NULL);
}

static void obey(struct publisher *publisher, struct command *command) {
        switch (command->kind) {
        case COMMAND_BEGIN:
                begin(publisher, command->published);
                break;
        case COMMAND_CHANGE:
                change(publisher, command->published, &command->state);
                break;
        case COMMAND_END:
                command->published->ended = true;
                break;
        case COMMAND_OUTLETS:
                publisher->limits = command->limits;
                publisher->streams_change = true;
                outlets_become(&publisher->outlets, &command->outlets, on_new_outlet, publisher);
                break;
        case COMMAND_ATTACH:
                if (outlets_attach(&publisher->outlets, command->outlet) == 0)
                        on_new_outlet(publisher, command->outlet);
                break;
        case COMMAND_DETACH:
                outlets_detach(&publisher->outlets, command->outlet);
                break;
        }
}

static void command_free(struct command *command) {
        published_state_deinit(&command->state);
        outlet_configs_deinit(&command->outlets);
        free(command);
}

static struct command *command_next(struct publisher *publisher) {
        struct command *command;

        pthread_mutex_lock(&publisher->lock);
        command = publisher->commands;
        if (command) {
                publisher->commands = command->next;
                if (!publisher->commands)
                        publisher->commands_end = &publisher->commands;
        }
        pthread_mutex_unlock(&publisher->lock);
        return command;
}

static void on_wake(uv_async_t *wake) {
        struct publisher *publisher = wake->data;
        struct command *command;
        bool stopping;

        pthread_mutex_lock(&publisher->lock);
        stopping = publisher->stopping;
        pthread_mutex_unlock(&publisher->lock);
        while ((command = command_next(publisher))) {
                obey(publisher, command);
                command_free(command);
        }
        if (stopping)
                uv_stop(&publisher->loop);
}

/* ---- the thread ---- */

static void *run(void *data) {
        const struct timespec pause = { .tv_nsec = LOOK_NS };
        struct publisher *publisher = data;
        uint64_t until_ns;

        uv_run(&publisher->loop, UV_RUN_DEFAULT);
        /* What comes from here on would be for ever. */
        for (struct published *published = publisher->first; published; published = published->next)
                session_stream(published->session, 0);
        turn(publisher, true);
        outlets_flush(&publisher->outlets);
        give_back(publisher);
        until_ns = uv_hrtime() + (uint64_t)publisher->wait_ms * 1000000;
        while (outlets_wait(&publisher->outlets) && uv_hrtime() < until_ns) {
                uv_run(&publisher->loop, UV_RUN_NOWAIT);
                outlets_flush(&publisher->outlets);
                nanosleep(&pause, NULL);
        }
        outlets_close(&publisher->outlets);
        uv_close((uv_handle_t *)&publisher->tick, NULL);
        uv_close((uv_handle_t *)&publisher->wake, NULL);
        uv_run(&publisher->loop, UV_RUN_DEFAULT);
        return NULL;
}

/* ---- the service's thread ---- */

static void send_command(struct publisher *publisher, struct command *command) {
        pthread_mutex_lock(&publisher->lock);
        *publisher->commands_end = command;
        publisher->commands_end = &command->next;
        pthread_mutex_unlock(&publisher->lock);
        uv_async_send(&publisher->wake);
}

static struct command *command_new(enum command_kind kind) {
        struct command *command = calloc(1, sizeof(*command));

        if (command)
                command->kind = kind;
        return command;
}

static void on_returned(uv_async_t *async) {
        struct publisher *publisher = async->data;
        struct published *published;

        pthread_mutex_lock(&publisher->lock);
        published = publisher->finals;
        publisher->finals = NULL;
        pthread_mutex_unlock(&publisher->lock);
        while (published) {
                struct published *next = published->next;
                struct registered *registered = published->registered;

                published_free(published);
                registered->published = NULL;
                if (publisher->options.on_final)
                        publisher->options.on_final(publisher->options.data, registered);
                published = next;
        }
}

void publisher_expect(struct publisher *publisher, struct registered *registered) {
        (void)publisher;
        if (registered->all)
                session_stream(registered->session, PUBLISHED_STREAM);
}

void publisher_begin(struct publisher *publisher, struct registered *registered) {
        struct command *command = command_new(COMMAND_BEGIN), *end = command_new(COMMAND_END);
        struct published *published = NULL;

        if (!command || !end ||
            published_new(registered, atomic_load(&publisher->want_all) > 0, &published) != 0) {
                log_say(LOG_LEVEL_ERROR, "no memory to publish session %" PRIu64, registered->number);
                free(command);
                free(end);
                return;
        }
        published->end = end;
        end->published = command->published = published;
        registered->published = published;
        send_command(publisher, command);
}

void publisher_change(struct publisher *publisher, struct registered *registered) {
        struct command *command;

        if (!registered->published)
                return;
        command = command_new(COMMAND_CHANGE);
        if (!command || published_state_copy(registered, &command->state) != 0) {
                log_say(LOG_LEVEL_ERROR, "no memory to publish what session %" PRIu64 " is now",
                        registered->number);
                free(command);
                return;
        }
        command->published = registered->published;
        send_command(publisher, command);
}

void publisher_end(struct publisher *publisher, struct registered *registered) {
        struct published *published = registered->published;

        if (published) {
                struct command *end = published->end;

                published->end = NULL;
                send_command(publisher, end);
        } else if (publisher->options.on_final) {
                publisher->options.on_final(publisher->options.data, registered);
        }
}

static struct published_limits limits_of(const struct config *config) {
        return (struct published_limits){
                .interval_ns = config->interval_ns,
                .event_bytes = config->limits.event_bytes,
                .event_bytes_per_uid = config->limits.event_bytes_per_uid,
        };
}

int publisher_configure(struct publisher *publisher, const struct config *config) {
        struct command *command = command_new(COMMAND_OUTLETS);

        if (!command)
                return error_origin(-ENOMEM);
        if (outlet_configs_copy(config, &command->outlets) != 0) {
                free(command);
                return error_origin(-ENOMEM);
        }
        command->limits = limits_of(config);
        send_command(publisher, command);
        return 0;
}

static void send_outlet(struct publisher *publisher, enum command_kind kind, struct outlet *outlet) {
        struct command *command = command_new(kind);

        /* There is no way on without it, and none back. */
        while (!command) {
                sched_yield();
                command = command_new(kind);
        }
        command->outlet = outlet;
        send_command(publisher, command);
}

void publisher_attach(struct publisher *publisher, struct outlet *outlet) {
        send_outlet(publisher, COMMAND_ATTACH, outlet);
}

void publisher_detach(struct publisher *publisher, struct outlet *outlet) {
        send_outlet(publisher, COMMAND_DETACH, outlet);
}

void publisher_want_all(struct publisher *publisher, int change) {
        atomic_fetch_add(&publisher->want_all, change);
}

bool publisher_counts(struct publisher *publisher, size_t index, char *name, size_t n_name,
                      struct outlet_counts *ret) {
        return outlets_counts(&publisher->outlets, index, name, n_name, ret);
}

/* ---- life ---- */

static void on_closed(uv_handle_t *handle) {
        struct publisher *publisher = handle->data;

        pthread_mutex_destroy(&publisher->lock);
        free(publisher);
}

static int open_loop(struct publisher *publisher) {
        int r = uv_loop_init(&publisher->loop);

        if (r)
                return error_origin(r);
        r = uv_async_init(&publisher->loop, &publisher->wake, on_wake);
        if (r) {
                uv_loop_close(&publisher->loop);
                return error_origin(r);
        }
        uv_timer_init(&publisher->loop, &publisher->tick);
        publisher->wake.data = publisher->tick.data = publisher;
        uv_timer_start(&publisher->tick, on_tick, PUBLISHER_TICK_MS, PUBLISHER_TICK_MS);
        return 0;
}

/* Signals are for the service's thread. */
static int start_thread(struct publisher *publisher) {
        sigset_t all, old;
        int r;

        sigfillset(&all);
        pthread_sigmask(SIG_BLOCK, &all, &old);
        r = -pthread_create(&publisher->thread, NULL, run, publisher);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        return r ? error_origin(r) : 0;
}

int publisher_new(const struct publisher_options *options, struct publisher **ret) {
        struct publisher *publisher = calloc(1, sizeof(*publisher));
        struct outlet_configs configs;
        int r;

        if (!publisher)
                return error_origin(-ENOMEM);
        publisher->options = *options;
        publisher->options.config = NULL;
        publisher->limits = limits_of(options->config);
        publisher->commands_end = &publisher->commands;
        publisher->end = &publisher->first;
        r = outlet_configs_copy(options->config, &configs);
        if (!r)
                r = open_loop(publisher);
        if (r) {
                outlet_configs_deinit(&configs);
                free(publisher);
                return error_trace(r);
        }
        pthread_mutex_init(&publisher->lock, NULL);
        r = uv_async_init(options->loop, &publisher->returned, on_returned);
        publisher->returned.data = publisher;
        outlets_init(&publisher->outlets, &publisher->loop);
        /* Here and not on the thread: what is wrong with them is said before the service is ready. */
        outlets_become(&publisher->outlets, &configs, NULL, NULL);
        outlet_configs_deinit(&configs);
        if (!r)
                r = start_thread(publisher);
        if (r) {
                publisher->wait_ms = 0;
                uv_stop(&publisher->loop);
                run(publisher);
        }
        if (r) {
                outlets_deinit(&publisher->outlets);
                uv_loop_close(&publisher->loop);
                if (publisher->returned.type == UV_ASYNC)
                        uv_close((uv_handle_t *)&publisher->returned, on_closed);
                else
                        on_closed((uv_handle_t *)&publisher->returned);
                return error_trace(r);
        }
        *ret = publisher;
        return 0;
}

struct publisher *publisher_free(struct publisher *publisher, unsigned wait_ms) {
        struct command *command;

        if (!publisher)
                return NULL;
        pthread_mutex_lock(&publisher->lock);
        publisher->wait_ms = wait_ms;
        publisher->stopping = true;
        pthread_mutex_unlock(&publisher->lock);
        uv_async_send(&publisher->wake);
        pthread_join(publisher->thread, NULL);
        uv_loop_close(&publisher->loop);
        on_returned(&publisher->returned);
        while (publisher->first) {
                struct published *next = publisher->first->next;

                published_free(publisher->first);
                publisher->first = next;
        }
        while ((command = command_next(publisher)))
                command_free(command);
        outlets_deinit(&publisher->outlets);
        uv_close((uv_handle_t *)&publisher->returned, on_closed);
        return NULL;
}
