/* SPDX-License-Identifier: Apache-2.0 */

/* Every sentence is one write, so that several callgates on one terminal do not mix within a line. */

#include "cli/say.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/exit.h"

bool say_colour(void) {
        const char *term = getenv("TERM");

        return isatty(STDERR_FILENO) && !getenv("NO_COLOR") && term && *term;
}

static void say_line(const char *prefix, const char *format, va_list args, const char *suffix) {
        struct buf line = BUF_INIT(0);

        buf_puts(&line, prefix);
        buf_vprintf(&line, format, args);
        buf_puts(&line, suffix);
        buf_putc(&line, '\n');
        fflush(stdout); /* both may lead to one place: what was said first comes first */
        fputs(buf_string(&line), stderr);
        fflush(stderr);
        buf_deinit(&line);
}

void say(const char *format, ...) {
        va_list args;

        va_start(args, format);
        say_line("callgate: ", format, args, "");
        va_end(args);
}

void say_error(const char *format, ...) {
        va_list args;

        va_start(args, format);
        say_line(say_colour() ? "callgate: \033[1;31merror:\033[0m " : "callgate: error: ", format, args,
                 "");
        va_end(args);
}

int say_trouble(int r, const char *doing) {
        say_error("%s: %s", doing, error_describe(r));
        return EXIT_TROUBLE;
}

static bool unwritten;

int say_unwritten(int r) {
        say_error("standard output: cannot be written: %s", strerror(-r));
        unwritten = true;
        return EXIT_TROUBLE;
}

int say_end(int code) {
        errno = 0;
        if (fflush(stdout) == 0 && !ferror(stdout))
                return code;
        /* Whoever read it has seen enough. */
        if (unwritten || errno == EPIPE)
                return code;
        return say_unwritten(errno ? -errno : -EIO);
}

int say_usage(const char *verb, const char *format, ...) {
        struct buf suffix = BUF_INIT(0);
        va_list args;

        buf_printf(&suffix, "\nTry 'callgate %s%s--help'.", verb ? verb : "", verb ? " " : "");
        va_start(args, format);
        say_line("callgate: ", format, args, buf_string(&suffix));
        va_end(args);
        buf_deinit(&suffix);
        return EXIT_USAGE;
}

void say_diags(const struct diags *diags, bool quiet) {
        diags_print(diags, stderr, quiet ? DIAG_ERROR : DIAG_WARNING, say_colour());
}
