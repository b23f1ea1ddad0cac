/* SPDX-License-Identifier: Apache-2.0 */

#include "import_fixture.h"

#include "policy/learn.h"
#include "proto/event_file.h"
#include "proto/event_json.h"
#include "proto/event_text.h"

static struct import_lines lines;

static void begin(const char *text, size_t n) {
        cr_assert_eq(import_lines_init(&lines, file_of_text(text, n)), 0);
}

static void end(void) {
        close(lines.fd);
        import_lines_deinit(&lines);
}

static void expect(const char *text) {
        const char *line;
        size_t n;

        cr_assert_eq(import_lines_next(&lines, &line, &n), IMPORT_LINES_OK, "no line, but '%s'", text);
        cr_assert(n == strlen(text) && memcmp(line, text, n) == 0, "'%.*s' instead of '%s'", (int)n, line,
                  text);
}

static int next(void) {
        const char *line;
        size_t n;

        return import_lines_next(&lines, &line, &n);
}

Test(import, lines_of_all_endings) {
        const char text[] = "one\ntwo\r\n\n\rthree";

        begin(text, sizeof(text) - 1);
        expect("one");
        cr_assert_not(lines.torn);
        expect("two");
        expect("");
        expect("\rthree");
        cr_assert(lines.torn);
        cr_assert_eq(next(), IMPORT_LINES_END);
        cr_assert_eq(next(), IMPORT_LINES_END);
        end();
}

Test(import, nothing_has_no_lines) {
        begin("", 0);
        cr_assert_eq(next(), IMPORT_LINES_END);
        end();
}

/* At, below and above the limit; the line behind a long one is read as usual. */
Test(import, long_lines_are_passed_over) {
        static const size_t sizes[] = { IMPORT_LINE_MAX - 1, IMPORT_LINE_MAX, IMPORT_LINE_MAX + 1,
                                        IMPORT_LINE_MAX + 2, 3 * IMPORT_LINE_MAX + 17 };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                char *text = malloc(sizes[i] + 8);
                int wanted = sizes[i] <= IMPORT_LINE_MAX ? IMPORT_LINES_OK : IMPORT_LINES_LONG;

                memcpy(text, "a\n", 2);
                memset(text + 2, 'x', sizes[i]);
                memcpy(text + 2 + sizes[i], "\nb\n", 3);
                begin(text, sizes[i] + 5);
                expect("a");
                cr_assert_eq(next(), wanted, "%zu bytes", sizes[i]);
                expect("b");
                cr_assert_eq(next(), IMPORT_LINES_END);
                end();
                free(text);
        }
}

Test(import, long_last_line_without_end) {
        size_t n = 2 * IMPORT_LINE_MAX;
        char *text = malloc(n);

        memset(text, 'x', n);
        begin(text, n);
        cr_assert_eq(next(), IMPORT_LINES_LONG);
        cr_assert_eq(next(), IMPORT_LINES_END);
        end();
        free(text);
}

Test(import, peeking_consumes_nothing) {
        const char text[] = "one\ntwo\n", *ahead;
        size_t n;

        begin(text, sizeof(text) - 1);
        cr_assert_eq(import_lines_peek(&lines, &ahead, &n), 0);
        cr_assert(n == sizeof(text) - 1 && memcmp(ahead, text, n) == 0);
        expect("one");
        expect("two");
        cr_assert_eq(next(), IMPORT_LINES_END);
        end();
}

/* A pipe gives its bytes in pieces. */
Test(import, lines_in_pieces) {
        int pipes[2];

        cr_assert_eq(pipe2(pipes, O_CLOEXEC), 0);
        cr_assert_eq(import_lines_init(&lines, pipes[0]), 0);
        cr_assert_eq(write(pipes[1], "on", 2), 2);
        cr_assert_eq(write(pipes[1], "e\ntw", 4), 4);
        expect("one");
        cr_assert_eq(write(pipes[1], "o", 1), 1);
        close(pipes[1]);
        expect("two");
        cr_assert(lines.torn);
        cr_assert_eq(next(), IMPORT_LINES_END);
        end();
}

Test(import, reasons_are_counted_and_the_first_lines_noted) {
        struct import import = IMPORT_INIT(take_event, NULL);

        import_source(&import, "log");
        for (unsigned i = 0; i < 20; i++) {
                import.line++;
                import_skip(&import, i % 2 ? "odd" : "even", i % 2 ? "line %u" : NULL, i);
        }
        cr_assert_eq(import.n_skipped, 20);
        cr_assert_eq(import.n_reasons, 2);
        cr_assert_str_eq(import.reasons[0].text, "even");
        cr_assert_eq(import.reasons[0].n, 10);
        cr_assert_eq(import.reasons[1].n, 10);
        cr_assert_eq(import.n_notes, IMPORT_NOTES_MAX);
        cr_assert_eq(import.notes[1].line, 4);
        cr_assert_str_eq(import.notes[1].text, "line 3");
        cr_assert_str_eq(import.notes[1].source, "log");
}

Test(import, ledger_balances) {
        struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);
        struct event event;
        struct ledger ledger;

        import_event_init(&event);
        event.count = 5;
        cr_assert_eq(import_emit(&import, &event), 0);
        event.count = 1;
        event.flags |= EVENT_GONE;
        cr_assert_eq(import_emit(&import, &event), 0);
        import_ledger(&import, &ledger);
        cr_assert_eq(ledger.received, 6);
        cr_assert_eq(ledger.answered, 5);
        cr_assert_eq(ledger.gone, 1);
        cr_assert_eq(ledger.recorded, 6);
        cr_assert_eq(ledger.written, 2);
        taken_deinit(&taken);
}

Test(import, numbers) {
        uint64_t value = 7;

        cr_assert_eq(import_number("123x", 4, 10, &value), 3);
        cr_assert_eq(value, 123);
        cr_assert_eq(import_number("fFg", 3, 16, &value), 2);
        cr_assert_eq(value, 0xff);
        cr_assert_eq(import_number("", 0, 10, &value), 0);
        cr_assert_eq(import_number("x", 1, 10, &value), 0);
        cr_assert_eq(import_number("18446744073709551615", 20, 10, &value), 20);
        cr_assert_eq(value, UINT64_MAX);
        cr_assert_eq(import_number("18446744073709551616", 20, 10, &value), 0);
        cr_assert_eq(value, UINT64_MAX, "not touched on failure");
        cr_assert_eq(import_fraction("5", 1, &value), 1);
        cr_assert_eq(value, 500000000);
        cr_assert_eq(import_fraction("0000000019 ", 11, &value), 10);
        cr_assert_eq(value, 1, "what is beyond nanoseconds is dropped");
}

/* ---- arguments that nobody saw ---- */

Test(import, unknown_arguments_are_shown_as_such) {
        struct buf text = BUF_INIT(0);
        struct event event;

        import_event_init(&event);
        event.arch = AUDIT_ARCH_X86_64;
        event.nr = 41; /* socket */
        event.args[1] = 2;
        event.flags &= ~EVENT_UNKNOWN_ARG(1);
        event_json(&text, &event, NULL);
        cr_assert(strstr(buf_string(&text), "\"args\":[null,\"0x2\",null,null,null,null]"), "%s",
                  buf_string(&text));
        buf_reset(&text);
        event_text_call(&text, &event);
        cr_assert_str_eq(buf_string(&text), "socket(?, 0x2, ?)");
        buf_deinit(&text);
}

Test(import, unknown_arguments_survive_a_file) {
        struct buf bytes = BUF_INIT(0);
        struct event_file *file;
        struct event event, back;

        import_event_init(&event);
        event.arch = AUDIT_ARCH_X86_64;
        event.flags &= ~EVENT_UNKNOWN_ARG(3);
        cr_assert_eq(event_file_put_header(&bytes, "import", 1), 0);
        cr_assert_eq(event_file_put_event(&bytes, &event), 0);
        cr_assert_eq(event_file_open(file_of_text(bytes.data, bytes.n), &file), 0);
        cr_assert_eq(event_file_next(file, &back), 0);
        cr_assert_eq(back.flags, event.flags);
        event_file_close(file);
        buf_deinit(&bytes);
}

static size_t n_conditions(const struct event *events, size_t n) {
        struct learn_options options = { .args = true };
        cleanup_profile struct profile *profile = NULL;
        struct learn *learn;
        size_t n_found = 0;

        cr_assert_eq(learn_new(&options, &learn), 0);
        for (size_t i = 0; i < n; i++)
                cr_assert_eq(learn_add(learn, events + i), 0);
        cr_assert_eq(learn_profile(learn, &profile), 0);
        for (size_t i = 0; i < profile->n_rules; i++)
                if (rule_has_name(profile->rules + i, "socket"))
                        n_found += profile->rules[i].n_conditions;
        learn_free(learn);
        return n_found;
}

/* One call whose domain nobody saw, and nothing may be asked of the domain any more. */
Test(import, nothing_is_learnt_of_unknown_arguments) {
        struct event events[2];

        for (size_t i = 0; i < 2; i++) {
                import_event_init(&events[i]);
                events[i].arch = AUDIT_ARCH_X86_64;
                events[i].nr = 41;
                for (unsigned k = 0; k < 3; k++) {
                        events[i].args[k] = k;
                        events[i].flags &= ~EVENT_UNKNOWN_ARG(k);
                }
        }
        cr_assert_gt(n_conditions(events, 2), 0, "all are known");
        events[1].args[0] = 0;
        events[1].flags |= EVENT_UNKNOWN_ARG(0);
        cr_assert_eq(n_conditions(events, 2), 0);
        cr_assert_eq(n_conditions(events + 1, 1), 0);
}
