/* SPDX-License-Identifier: Apache-2.0 */

/* What the journal gets, from a socket that plays it: fields, and no byte of a task that could be one; and a
 * journal that is absent, stuck or restarted. */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#include "supervisor/service/outlet.h"
#include "tests/unit/clock_fixture.h"

static char folder[64], path[96];
static int journal = -1;
static struct labels labels;
static struct outlet *outlet;
static struct publication_source source = { .number = 17, .mode = WIRE_MODE_DRY_RUN, .profile = "web.json" };

static void journal_begins(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        journal = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        cr_assert_geq(journal, 0);
        cr_assert_eq(bind(journal, (struct sockaddr *)&address, sizeof(address)), 0);
}

static void journal_ends(void) {
        close(journal);
        unlink(path);
}

static void setup(void) {
        strcpy(folder, "/tmp/callgate-journal.XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/socket", folder);
        cr_assert_eq(labels_set(&labels, "namespace", "shop"), 0);
        labels_set(&labels, "pod", "web-0");
        labels_set(&labels, "container", "evil\nPRIORITY=0");
        source.labels = &labels;
}

static void teardown(void) {
        unlink(path);
        rmdir(folder);
        labels_deinit(&labels);
}

TestSuite(outlet_journal, .init = setup, .fini = teardown, .timeout = 300);

static void begin(void) {
        struct config_outlet config = { .kind = CONFIG_OUTLET_JOURNAL,
                                        .name = (char[]){ "journal" },
                                        .path = path };

        cr_assert_eq(outlet_journal_new(NULL, &config, &outlet), 0);
}

static struct outlet_counts counts(void) {
        struct outlet_counts ret;

        outlet->counts(outlet, &ret);
        cr_assert_eq(ret.taken, ret.delivered + ret.dropped + ret.waiting);
        return ret;
}

static struct event refused(void) {
        struct event event = { .count = 3,
                               .arch = AUDIT_ARCH_X86_64,
                               .nr = 83,
                               .pid = 812,
                               .tid = 815,
                               .uid = 33,
                               .verdict = SECCOMP_RET_ERRNO | EPERM,
                               .answer = EVENT_ANSWER_CONTINUE };

        strcpy(event.comm, "a\nMESSAGE=b");
        strcpy(event.detail, "\"/tmp/x\", 0700");
        return event;
}

static void give(enum publication_kind kind, const struct event *event, const struct ledger *ledger) {
        struct publication publication = {
                .kind = kind, .source = &source, .event = event, .ledger = ledger, .lost = 5
        };

        outlet->take(outlet, &publication);
        outlet->flush(outlet);
}

/* The fields of the next message, as the journal's own reader takes them apart. False: there is none. */
static struct { char name[64], value[1024]; } fields[64];
static size_t n_fields;

static bool receive(void) {
        char bytes[65536], *at = bytes, *end;
        ssize_t n = recv(journal, bytes, sizeof(bytes) - 1, 0);

        if (n < 0)
                return false;
        end = bytes + n;
        *end = 0;
        for (n_fields = 0; at < end; n_fields++) {
                size_t n_name = strcspn(at, "=\n");

                cr_assert_lt(n_fields, 64);
                snprintf(fields[n_fields].name, sizeof(fields[0].name), "%.*s", (int)n_name, at);
                at += n_name;
                if (*at++ == '=') {
                        size_t n_value = strcspn(at, "\n");

                        snprintf(fields[n_fields].value, sizeof(fields[0].value), "%.*s", (int)n_value, at);
                        at += n_value + 1;
                } else {
                        uint64_t length = 0;

                        for (int i = 7; i >= 0; i--)
                                length = length << 8 | (unsigned char)at[i];
                        at += 8;
                        cr_assert_leq(length, (uint64_t)(end - at) - 1);
                        snprintf(fields[n_fields].value, sizeof(fields[0].value), "%.*s", (int)length, at);
                        at += length;
                        cr_assert_eq(*at, '\n');
                        at++;
                }
        }
        cr_assert_eq(at, end);
        return true;
}

static const char *field(const char *name) {
        const char *value = NULL;

        for (size_t i = 0; i < n_fields; i++)
                if (strcmp(fields[i].name, name) == 0) {
                        cr_expect_null(value, "%s comes once", name);
                        value = fields[i].value;
                }
        return value ? value : "(none)";
}

Test(outlet_journal, fields) {
        static const struct {
                const char *name, *value;
        } expected[] = {
                { "PRIORITY", "4" },
                { "SYSLOG_IDENTIFIER", "callgated" },
                { "MESSAGE_ID", "bcca3d482eca41c090b6e4c0fa7082ed" },
                { "CALLGATE_SESSION", "17" },
                { "CALLGATE_MODE", "dry-run" },
                { "CALLGATE_PROFILE", "web.json" },
                { "CALLGATE_NAMESPACE", "shop" },
                { "CALLGATE_POD", "web-0" },
                { "CALLGATE_CONTAINER", "evil\nPRIORITY=0" },
                { "CALLGATE_NODE", "(none)" },
                { "CALLGATE_SYSCALL", "mkdir" },
                { "CALLGATE_ARCH", "x86_64" },
                { "CALLGATE_CODE", "SECCOMP_RET_ERRNO(EPERM)" },
                { "CALLGATE_ERRNO", "EPERM" },
                { "CALLGATE_COUNT", "3" },
                { "CALLGATE_COMM", "a\nMESSAGE=b" },
                { "CALLGATE_PID", "812" },
                { "CALLGATE_TID", "815" },
                { "CALLGATE_UID", "33" },
                { "CALLGATE_ARGS", "\"/tmp/x\", 0700" },
                { "MESSAGE",
                  "shop/web-0/evil\\nPRIORITY=0: a\\nMESSAGE=b[812] mkdir(\"/tmp/x\", 0700) would be "
                  "refused: SECCOMP_RET_ERRNO(EPERM), 3 times" },
        };
        struct event event = refused();

        journal_begins();
        begin();
        give(PUBLICATION_ROW, &event, NULL);
        cr_assert(receive());
        for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
                cr_expect_str_eq(field(expected[i].name), expected[i].value, "%s", expected[i].name);
        cr_expect_eq(counts().delivered, 1);
        outlet->close(outlet);
        journal_ends();
}

Test(outlet_journal, every_kind_has_its_id) {
        static const struct ledger ledger = { .received = 10, .recorded = 9, .dropped = 1 };
        static const struct {
                enum publication_kind kind;
                const char *id, *priority, *field, *value;
        } rows[] = {
                { PUBLICATION_BEGIN, "46f08e2c91674c718850fe4e0c175f62", "6", "CALLGATE_MODE", "dry-run" },
                { PUBLICATION_END, "c105743d15d9424d818db0a3497eac17", "6", "CALLGATE_RECEIVED", "10" },
                { PUBLICATION_LOST, "93454d4573a44f69b6152fb242db961a", "4", "CALLGATE_LOST", "5" },
                { PUBLICATION_EVENT, "475276636524440796ec23cd4ad6bf37", "6", "CALLGATE_SYSCALL", "mkdir" },
        };
        struct event event = refused();

        event.verdict = SECCOMP_RET_ALLOW;
        journal_begins();
        begin();
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                give(rows[i].kind, rows[i].kind == PUBLICATION_EVENT ? &event : NULL,
                     rows[i].kind == PUBLICATION_END ? &ledger : NULL);
                cr_assert(receive());
                cr_expect_str_eq(field("MESSAGE_ID"), rows[i].id);
                cr_expect_str_eq(field("PRIORITY"), rows[i].priority);
                cr_expect_str_eq(field(rows[i].field), rows[i].value);
                cr_expect_gt(strlen(field("MESSAGE")), 20);
        }
        outlet->close(outlet);
        journal_ends();
}

Test(outlet_journal, absent_then_there_then_restarted) {
        struct event event = refused();

        clock_hold();
        begin();
        give(PUBLICATION_ROW, &event, NULL);
        cr_expect_not(counts().healthy);
        cr_expect(strstr(counts().problem, "No such file"), "%s", counts().problem);
        cr_expect_eq(counts().waiting, 1, "it may come back");
        for (int i = 0; i < 2; i++) {
                journal_begins();
                clock_pass(900); /* once a second it is tried again */
                outlet->flush(outlet);
                cr_expect_eq(counts().waiting, 1);
                clock_pass(200);
                outlet->flush(outlet);
                cr_expect_eq(counts().waiting, 0);
                cr_expect(counts().healthy);
                cr_expect(receive());
                journal_ends();
                give(PUBLICATION_ROW, &event, NULL);
                cr_expect_eq(counts().waiting, 1);
                cr_expect_not(counts().healthy);
        }
        cr_expect_eq(counts().delivered, 2);
        outlet->close(outlet);
        clock_release();
}

/* Would it wait, the test would never end. */
Test(outlet_journal, a_stuck_journal_holds_up_nobody) {
        struct event event = refused();
        unsigned n = 0, n_received = 0;

        journal_begins();
        begin();
        while (counts().dropped < 100) {
                give(PUBLICATION_ROW, &event, NULL);
                cr_assert_lt(++n, 100000u, "what waits is bounded");
        }
        cr_expect_leq(counts().bytes_waiting, 2u << 20);
        while (counts().waiting > 0) {
                while (receive())
                        n_received++;
                outlet->flush(outlet);
        }
        while (receive())
                n_received++;
        cr_expect_eq(n_received, counts().delivered);
        cr_expect_eq(n, counts().delivered + counts().dropped);
        give(PUBLICATION_ROW, &event, NULL);
        cr_expect(receive(), "and on it goes");
        outlet->close(outlet);
        journal_ends();
}
