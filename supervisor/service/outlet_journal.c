/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The journal, by its native protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL): one datagram of fields for each
 * publication. Not by libsystemd: sd_journal_sendv() sleeps as long as the journal does not read, and says
 * that all is well when there is no journal.
 *
 * What must stay true: nothing here waits. What the journal does not take at once waits up to a bound, and
 * then what comes is dropped and counted. Fields of tasks are sent with their length, so that no byte of
 * theirs can end a field and begin another.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "proto/event_source.h"
#include "proto/event_text.h"
#include "supervisor/service/outlet.h"
#include "syscalls/names.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define WAITING_MAX    (2u << 20)           /* bytes of datagrams */
#define RETRY_NS       UINT64_C(1000000000) /* after trouble: 1 s */
#define STUCK_NS       UINT64_C(5000000000) /* not having been read for so long is said: 5 s */

/* Ours for ever, in callgated(8). */
#define ID_REFUSED "bcca3d482eca41c090b6e4c0fa7082ed"
#define ID_CALL    "475276636524440796ec23cd4ad6bf37"
#define ID_BEGAN   "46f08e2c91674c718850fe4e0c175f62"
#define ID_ENDED   "c105743d15d9424d818db0a3497eac17"
#define ID_LOST    "93454d4573a44f69b6152fb242db961a"

struct outlet_journal {
        struct outlet outlet;
        struct sockaddr_un address;
        int fd; /* -1: not connected */
        /* Datagrams, each after its length as a uint32_t; at: of the first that was not sent. */
        struct buf waiting;
        size_t at;
        uint64_t n_waiting, n_taken, n_delivered, n_dropped;
        uint64_t retry_ns, stuck_ns; /* uv_hrtime(); stuck_ns: since when it has not been read; 0: it is */
        struct outlet_health health;
};

static struct outlet_journal *of(const struct outlet *outlet) {
        return (struct outlet_journal *)(uintptr_t)outlet;
}

/* ---- datagrams ---- */

static void put_field(struct buf *to, const char *name, const char *value, size_t n) {
        uint8_t length[8];

        for (size_t i = 0; i < sizeof(length); i++)
                length[i] = (uint8_t)((uint64_t)n >> (8 * i));
        buf_printf(to, "%s\n", name);
        buf_put(to, length, sizeof(length));
        buf_put(to, value, n);
        buf_putc(to, '\n');
}

static void put_text(struct buf *to, const char *name, const char *value) {
        if (value && value[0])
                put_field(to, name, value, strlen(value));
}

static void put_number(struct buf *to, const char *name, uint64_t value) {
        buf_printf(to, "%s=%" PRIu64 "\n", name, value);
}

static void put_source(struct buf *to, const struct publication_source *source) {
        static const struct {
                const char *label, *field;
        } rows[] = {
                { "node", "CALLGATE_NODE" },
                { "namespace", "CALLGATE_NAMESPACE" },
                { "pod", "CALLGATE_POD" },
                { "container", "CALLGATE_CONTAINER" },
                { "container-id", "CALLGATE_CONTAINER_ID" },
                { "image", "CALLGATE_IMAGE" },
                { "unit", "CALLGATE_UNIT" },
                { "command", "CALLGATE_COMMAND" },
        };

        put_number(to, "CALLGATE_SESSION", source->number);
        put_text(to, "CALLGATE_MODE", event_source_mode(source->mode));
        put_text(to, "CALLGATE_PROFILE", source->profile);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *value = labels_get(source->labels, rows[i].label);

                if (value && strlen(value) <= EVENT_SOURCE_LABEL_MAX)
                        put_text(to, rows[i].field, value);
        }
}

static const char *error_name(const struct event *event) {
        uint32_t verdict = event->verdict & SECCOMP_RET_ACTION_FULL;

        if (event->answer == EVENT_ANSWER_ERRNO && event->value > 0 && event->value < 4096)
                return strerrorname_np((int)event->value);
        return verdict == SECCOMP_RET_ERRNO ? strerrorname_np((int)(event->verdict & SECCOMP_RET_DATA))
                                            : NULL;
}

static void put_event(struct buf *to, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        char small[48];

        put_text(to, "CALLGATE_SYSCALL", syscall_label(event->arch, event->nr, small, sizeof(small)));
        put_text(to, "CALLGATE_ARCH", arch ? arch->name : "unknown");
        put_text(to, "CALLGATE_CODE", event_text_code(event->verdict, small, sizeof(small)));
        put_text(to, "CALLGATE_ERRNO", error_name(event));
        put_text(to, "CALLGATE_RULE", event->rule);
        put_number(to, "CALLGATE_COUNT", event->count);
        put_text(to, "CALLGATE_COMM", event->comm);
        put_text(to, "CALLGATE_EXE", event->exe);
        put_number(to, "CALLGATE_PID", event->pid);
        put_number(to, "CALLGATE_TID", event->tid);
        if (event->uid != UINT32_MAX)
                put_number(to, "CALLGATE_UID", event->uid);
        put_text(to, "CALLGATE_ARGS", event->detail);
}

/* "web/web-0/nginx", or the session's number. */
static void say_where(struct buf *to, const struct publication_source *source) {
        static const char *const names[] = { "namespace", "pod", "container" };
        bool any = false;

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                const char *value = labels_get(source->labels, names[i]);

                if (!value || strlen(value) > EVENT_SOURCE_LABEL_MAX)
                        continue;
                buf_puts(to, any ? "/" : "");
                buf_escape(to, value, strlen(value));
                any = true;
        }
        if (!any)
                buf_printf(to, "session %" PRIu64, source->number);
}

static void say_call(struct buf *to, const struct publication *publication) {
        const struct event *event = publication->event;
        bool would = publication->source->mode == WIRE_MODE_DRY_RUN;
        char code[48];

        say_where(to, publication->source);
        buf_puts(to, ": ");
        buf_escape(to, event->comm, strnlen(event->comm, sizeof(event->comm)));
        buf_printf(to, "[%" PRIu32 "] ", event->pid);
        event_text_call(to, event);
        if (publication_refused(publication))
                buf_printf(to, " %s refused: %s", would ? "would be" : "was",
                           event_text_code(event->verdict, code, sizeof(code)));
        else
                buf_puts(to, " was made");
        if (event->count > 1)
                buf_printf(to, ", %" PRIu64 " times", event->count);
}

static void say(struct buf *to, const struct publication *publication) {
        const struct ledger *ledger = publication->ledger;

        switch (publication->kind) {
        case PUBLICATION_ROW:
        case PUBLICATION_EVENT:
                say_call(to, publication);
                return;
        case PUBLICATION_BEGIN:
                say_where(to, publication->source);
                buf_printf(to, ": supervised, mode %s", event_source_mode(publication->source->mode));
                return;
        case PUBLICATION_LOST:
                say_where(to, publication->source);
                buf_printf(to, ": %" PRIu64 " calls came too fast to be published one by one",
                           publication->lost);
                return;
        case PUBLICATION_END:
                say_where(to, publication->source);
                buf_printf(to, ": ended; %" PRIu64 " calls received, %" PRIu64 " of them not recorded",
                           ledger->received, ledger->dropped);
        }
}

static const char *id_of(const struct publication *publication) {
        switch (publication->kind) {
        case PUBLICATION_BEGIN:
                return ID_BEGAN;
        case PUBLICATION_END:
                return ID_ENDED;
        case PUBLICATION_LOST:
                return ID_LOST;
        default:
                return publication_refused(publication) ? ID_REFUSED : ID_CALL;
        }
}

static int priority_of(const struct publication *publication) {
        switch (publication->kind) {
        case PUBLICATION_BEGIN:
        case PUBLICATION_END:
                return LOG_INFO;
        case PUBLICATION_LOST:
                return LOG_WARNING;
        default:
                return publication_refused(publication) ? LOG_WARNING : LOG_INFO;
        }
}

static void put_publication(struct buf *to, const struct publication *publication) {
        struct buf message = BUF_INIT(0);

        say(&message, publication);
        put_field(to, "MESSAGE", buf_string(&message), message.n);
        buf_deinit(&message);
        put_number(to, "PRIORITY", (uint64_t)priority_of(publication));
        buf_printf(to, "MESSAGE_ID=%s\nSYSLOG_IDENTIFIER=callgated\n", id_of(publication));
        put_source(to, publication->source);
        if (publication->event)
                put_event(to, publication->event);
        if (publication->ledger) {
                put_number(to, "CALLGATE_RECEIVED", publication->ledger->received);
                put_number(to, "CALLGATE_DROPPED", publication->ledger->dropped);
        }
        if (publication->kind == PUBLICATION_LOST)
                put_number(to, "CALLGATE_LOST", publication->lost);
}

/* ---- sending ---- */

static void disconnect(struct outlet_journal *journal, int error) {
        journal->fd = fd_close(journal->fd);
        journal->retry_ns = uv_hrtime() + RETRY_NS;
        outlet_ill(&journal->health, journal->outlet.name, "the journal (%s) cannot be reached: %s",
                   journal->address.sun_path, strerror(error));
}

static bool connected(struct outlet_journal *journal) {
        int size = WAITING_MAX;

        if (journal->fd >= 0)
                return true;
        if (journal->retry_ns > uv_hrtime())
                return false;
        journal->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (journal->fd < 0 ||
            connect(journal->fd, (struct sockaddr *)&journal->address, sizeof(journal->address)) < 0) {
                disconnect(journal, errno);
                return false;
        }
        setsockopt(journal->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        return true;
}

/* The journal does not read. That is usual for a moment, and said when it lasts. */
static void stuck(struct outlet_journal *journal) {
        uint64_t now_ns = uv_hrtime();

        if (journal->stuck_ns == 0)
                journal->stuck_ns = now_ns;
        else if (now_ns - journal->stuck_ns > STUCK_NS)
                outlet_ill(&journal->health, journal->outlet.name, "the journal (%s) takes no messages",
                           journal->address.sun_path);
}

/* Sends what waits, as long as it is taken. */
static void send_waiting(struct outlet_journal *journal) {
        while (journal->at < journal->waiting.n && connected(journal)) {
                const char *from = journal->waiting.data + journal->at;
                uint32_t n;

                memcpy(&n, from, sizeof(n));
                if (send(journal->fd, from + sizeof(n), n, MSG_NOSIGNAL) < 0) {
                        if (errno == EINTR)
                                continue;
                        if (errno == EAGAIN) {
                                stuck(journal);
                                return;
                        }
                        if (errno != EMSGSIZE) {
                                disconnect(journal, errno);
                                return;
                        }
                        journal->n_dropped++;
                } else {
                        journal->n_delivered++;
                        journal->stuck_ns = 0;
                        outlet_well(&journal->health, journal->outlet.name);
                }
                journal->n_waiting--;
                journal->at += sizeof(n) + n;
        }
        if (journal->at == journal->waiting.n) {
                buf_reset(&journal->waiting);
                journal->at = 0;
        }
}

/* What was sent makes room. */
static void tidy(struct outlet_journal *journal) {
        struct buf *waiting = &journal->waiting;

        if (journal->at == 0 || waiting->n < WAITING_MAX / 2)
                return;
        memmove(waiting->data, waiting->data + journal->at, waiting->n - journal->at);
        waiting->n -= journal->at;
        journal->at = 0;
}

static void journal_take(struct outlet *outlet, const struct publication *publication) {
        struct outlet_journal *journal = of(outlet);
        size_t mark;
        uint32_t n = 0;

        tidy(journal);
        mark = journal->waiting.n;
        journal->n_taken++;
        buf_put(&journal->waiting, &n, sizeof(n));
        put_publication(&journal->waiting, publication);
        if (buf_error(&journal->waiting)) {
                journal->waiting.n = mark;
                journal->waiting.error = 0;
                journal->n_dropped++;
                return;
        }
        n = (uint32_t)(journal->waiting.n - mark - sizeof(n));
        memcpy(journal->waiting.data + mark, &n, sizeof(n));
        journal->n_waiting++;
}

static void journal_flush(struct outlet *outlet) {
        send_waiting(of(outlet));
}

static void journal_counts(const struct outlet *outlet, struct outlet_counts *ret) {
        const struct outlet_journal *journal = of(outlet);

        *ret = (struct outlet_counts){
                .taken = journal->n_taken,
                .delivered = journal->n_delivered,
                .dropped = journal->n_dropped,
                .waiting = journal->n_waiting,
                .bytes_waiting = journal->waiting.n - journal->at,
                .healthy = !journal->health.ill,
        };
        memcpy(ret->problem, journal->health.problem, sizeof(ret->problem));
}

static void journal_close(struct outlet *outlet) {
        struct outlet_journal *journal = of(outlet);

        send_waiting(journal);
        fd_close(journal->fd);
        buf_deinit(&journal->waiting);
        free(journal->outlet.name);
        free(journal);
}

int outlet_journal_new(uv_loop_t *loop, const struct config_outlet *config, struct outlet **ret) {
        const char *path = config->path ? config->path : JOURNAL_SOCKET;
        struct outlet_journal *journal = calloc(1, sizeof(*journal));

        (void)loop; /* the tick is often enough */
        if (!journal)
                return error_origin(-ENOMEM);
        *journal = (struct outlet_journal){
                .outlet = { .take = journal_take,
                            .flush = journal_flush,
                            .counts = journal_counts,
                            .close = journal_close },
                .address = { .sun_family = AF_UNIX },
                .fd = -1,
                .waiting = BUF_INIT(WAITING_MAX),
        };
        snprintf(journal->address.sun_path, sizeof(journal->address.sun_path), "%s", path);
        journal->outlet.name = strdup(config->name ? config->name : "journal");
        if (!journal->outlet.name) {
                free(journal);
                return error_origin(-ENOMEM);
        }
        connected(journal); /* what is wrong is said now */
        *ret = &journal->outlet;
        return 0;
}
