/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: what is shown may have been written by a supervised program, and does nothing to the
 * terminal; answers are given to the question that is on the screen, never to a later one. */

#include "cli/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/output.h"
#include "cli/answer_rule.h"

#define WAITING_MAX 64

struct question {
        uint64_t id;
        char *text;
        struct buf allowed, denied; /* the rules that "always" would write; empty: none */
        bool remembered;            /* "always" may be said */
};

struct terminal {
        int fd;
        const char *answers_path;
        struct question waiting[WAITING_MAX];
        size_t n_waiting; /* the first is on the screen */
        struct buf rules; /* YAML, one item for each "always" */
};

struct terminal *terminal_open(const char *answers_path) {
        int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        struct terminal *terminal;

        if (fd < 0)
                return NULL;
        terminal = calloc(1, sizeof(*terminal));
        if (!terminal) {
                fd_close(fd);
                return NULL;
        }
        *terminal = (struct terminal){ .fd = fd, .answers_path = answers_path, .rules = BUF_INIT(0) };
        return terminal;
}

static void question_free(struct question *question) {
        free(question->text);
        buf_deinit(&question->allowed);
        buf_deinit(&question->denied);
}

int terminal_fd(const struct terminal *terminal) {
        return terminal && terminal->n_waiting > 0 ? terminal->fd : -1;
}

static const char *choices(const struct question *question) {
        if (!question->remembered)
                return "a: allow once   d: deny once";
        return question->allowed.n > 0
                       ? "a: allow once   A: allow always   d: deny once   D: deny always"
                       : "a: allow once   A: allow in this run   d: deny once   D: deny in this run";
}

static void show(struct terminal *terminal) {
        struct buf line = BUF_INIT(0);

        if (terminal->n_waiting == 0)
                return;
        buf_puts(&line, "\ncallgate: ");
        buf_clean(&line, terminal->waiting[0].text, strlen(terminal->waiting[0].text));
        buf_printf(&line, "\n  %s   > ", choices(&terminal->waiting[0]));
        /* What was typed before the question was not meant for it. */
        tcflush(terminal->fd, TCIFLUSH);
        if (write(terminal->fd, line.data, line.n) < 0)
                line.error = 0; /* nobody sees it; the time-out answers */
        buf_deinit(&line);
}

void terminal_question(struct terminal *terminal, const struct message_question *question) {
        struct question *next;

        if (!terminal || terminal->n_waiting == WAITING_MAX)
                return; /* answered by its time-out */
        next = &terminal->waiting[terminal->n_waiting];
        *next = (struct question){ .id = question->id,
                                   .text = strndup(question->text, question->n_text),
                                   .allowed = BUF_INIT(0),
                                   .denied = BUF_INIT(0),
                                   .remembered = question->flags & MESSAGE_QUESTION_REMEMBERED };
        if (!next->text)
                return;
        if (question->flags & MESSAGE_QUESTION_RULE) {
                answer_rule(&next->allowed, question, true);
                answer_rule(&next->denied, question, false);
        }
        terminal->n_waiting++;
        if (terminal->n_waiting == 1)
                show(terminal);
}

static bool word_of(char c, enum message_word *ret) {
        static const struct {
                char c;
                enum message_word word;
        } rows[] = {
                { 'a', MESSAGE_ALLOW_ONCE },
                { 'A', MESSAGE_ALLOW_ALWAYS },
                { 'd', MESSAGE_DENY_ONCE },
                { 'D', MESSAGE_DENY_ALWAYS },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (rows[i].c == c) {
                        *ret = rows[i].word;
                        return true;
                }
        return false;
}

static bool is_always(enum message_word word) {
        return word == MESSAGE_ALLOW_ALWAYS || word == MESSAGE_DENY_ALWAYS;
}

void terminal_forget(struct terminal *terminal) {
        for (size_t i = 0; i < terminal->n_waiting; i++)
                question_free(&terminal->waiting[i]);
        terminal->n_waiting = 0;
}

bool terminal_answer(struct terminal *terminal, uint64_t *ret_id, enum message_word *ret_word) {
        struct question question;
        char line[256];
        ssize_t n = read(terminal->fd, line, sizeof(line));

        if (n <= 0 || terminal->n_waiting == 0)
                return false;
        if (!word_of(line[0], ret_word) || (is_always(*ret_word) && !terminal->waiting[0].remembered)) {
                show(terminal);
                return false;
        }
        question = terminal->waiting[0];
        *ret_id = question.id;
        terminal->n_waiting--;
        memmove(terminal->waiting, terminal->waiting + 1, terminal->n_waiting * sizeof(question));
        if (is_always(*ret_word))
                buf_puts(&terminal->rules, buf_string(*ret_word == MESSAGE_ALLOW_ALWAYS ? &question.allowed
                                                                                        : &question.denied));
        question_free(&question);
        show(terminal);
        return true;
}

static int write_rules(const struct terminal *terminal) {
        struct output output = OUTPUT_INIT;
        int r = output_open(&output, terminal->answers_path);

        if (r)
                return error_trace(r);
        fputs("# Answers given while the program ran: put them before the rule that asks, or include this "
              "file.\n"
              "version: 1\nrules:\n",
              output.stream);
        fwrite(terminal->rules.data, 1, terminal->rules.n, output.stream);
        return error_trace(output_commit(&output));
}

int terminal_close(struct terminal *terminal) {
        int r = 0;

        if (!terminal)
                return 0;
        if (terminal->answers_path && terminal->rules.n > 0)
                r = write_rules(terminal);
        terminal_forget(terminal);
        buf_deinit(&terminal->rules);
        fd_close(terminal->fd);
        free(terminal);
        return r;
}
