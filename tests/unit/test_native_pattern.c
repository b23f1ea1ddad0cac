/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns by rows; random ones against fnmatch(3) and regexec(3); hostile ones against the clock. */

#include "policy/native/pattern.h"

#include <criterion/criterion.h>
#include <fnmatch.h>
#include <pthread.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
        const char *pattern, *text;
        bool matches;
        const char *captures; /* joined by '|' */
} rows[] = {
        { "/etc/passwd", "/etc/passwd", true, "" },
        { "/etc/passwd", "/etc/passwd2", false, NULL },
        { "/etc/passwd", "/etc/passw", false, NULL },
        { "/etc/*", "/etc/hosts", true, "" },
        { "/etc/*", "/etc/", true, "" },
        { "/etc/*", "/etc", false, NULL },
        { "/etc/*", "/etc/ssl/certs", false, NULL },
        { "/etc/**", "/etc/ssl/certs", true, "" },
        { "/etc/**", "/etcetera", false, NULL },
        { "**", "", true, "" },
        { "**", "/any/thing", true, "" },
        { "/*/x", "/a/x", true, "" },
        { "/*/x", "/a/b/x", false, NULL },
        { "/a/***/x", "/a/b/c/x", true, "" },
        { "/tmp/?", "/tmp/a", true, "" },
        { "/tmp/?", "/tmp//", false, NULL },
        { "/tmp/?", "/tmp/", false, NULL },
        { "/tmp/[a-c]", "/tmp/b", true, "" },
        { "/tmp/[a-c]", "/tmp/d", false, NULL },
        { "/tmp/[!a-c]", "/tmp/d", true, "" },
        { "/tmp/[!a-c]", "/tmp/b", false, NULL },
        { "/tmp[!a]x", "/tmp/x", false, NULL },
        { "/tmp/[]-]", "/tmp/]", true, "" },
        { "/tmp/[]-]", "/tmp/-", true, "" },
        { "/tmp/[[:digit:]]", "/tmp/7", true, "" },
        { "/tmp/[\\]]", "/tmp/]", true, "" },
        { "/{usr,opt}/lib", "/opt/lib", true, "" },
        { "/{usr,opt}/lib", "/bin/lib", false, NULL },
        { "/{,usr/}lib{,64}", "/usr/lib", true, "" },
        { "/{,usr/}lib{,64}", "/lib64", true, "" },
        { "/{a,b{c,d}}", "/bd", true, "" },
        { "/{a*,b}/x", "/aaa/x", true, "" },
        { "a,b", "a,b", true, "" },
        { "/opt/\\(x86\\)", "/opt/(x86)", true, "" },
        { "/a\\*", "/a*", true, "" },
        { "/a\\*", "/ab", false, NULL },
        { "/opt/(*)/(**)", "/opt/vendor/lib/x.so", true, "vendor|lib/x.so" },
        { "/opt/({a,b})/x", "/opt/b/x", true, "b" },
        { "/{(a),(b)}", "/b", true, "|b" },
        { "(*)-(*)", "a-b-c", true, "a-b|c" },
        { "((*).(*))", "a.b", true, "a.b|a|b" },
        { "*.lic", "\xff\xfe.lic", true, "" },
        { "~^/etc/", "/etc/passwd", true, "" },
        { "~^/etc/", "/usr/etc/passwd", false, NULL },
        { "~/etc/", "/usr/etc/passwd", true, "" },
        { "~\\.so(\\.[0-9]+)*$", "/lib/libc.so.6.1", true, ".1" },
        { "~\\.so(\\.[0-9]+)*$", "/lib/libc.so.x", false, NULL },
        { "~^/home/([^/]+)/(.*)$", "/home/me/a/b", true, "me|a/b" },
        { "~(a|ab)(c|bcd)?", "xabcd", true, "a|bcd" },
        { "~^a{2,3}$", "aa", true, "" },
        { "~^a{2,3}$", "aaaa", false, NULL },
        { "~^a{2}$", "aaa", false, NULL },
        { "~^a{2,}$", "aaaaa", true, "" },
        { "~^(ab){0,2}$", "abab", true, "ab" },
        { "~^$", "", true, "" },
        { "~^(a*)*$", "aaab", false, NULL },
        { "~^(a*)+$", "aaa", true, NULL },
        { "~^(|a)+$", "aa", true, NULL },
        { "~a|^b", "xb", false, NULL },
        { "~a|b$", "xb", true, "" },
        { "~^[[:upper:]_]+$", "A_B", true, "" },
        { "~x{0}y", "y", true, "" },
        { "~[^/]$", "a/", false, NULL },
};

Test(native_pattern, rows) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                struct policy_capture captures[POLICY_CAPTURES_MAX];
                char error[256] = "", joined[256] = "";
                size_t n;

                cr_assert_eq(pattern_new(rows[i].pattern, &pattern, error, sizeof(error)), 0, "%s: %s",
                             rows[i].pattern, error);
                cr_assert_str_eq(pattern_text(pattern), rows[i].pattern);
                cr_assert_eq(pattern_match(pattern, rows[i].text, NULL, NULL), rows[i].matches, "%s on %s",
                             rows[i].pattern, rows[i].text);
                cr_assert_eq(pattern_match(pattern, rows[i].text, captures, &n), rows[i].matches);
                if (!rows[i].captures)
                        continue;
                cr_assert_eq(n, pattern_n_captures(pattern));
                for (size_t j = 0; j < n; j++)
                        sprintf(joined + strlen(joined), "%s%.*s", j ? "|" : "", (int)captures[j].n,
                                captures[j].text);
                cr_assert_str_eq(joined, rows[i].captures, "%s on %s", rows[i].pattern, rows[i].text);
        }
}

Test(native_pattern, literals) {
        static const struct {
                const char *pattern, *literal;
        } of[] = { { "/a/b", "/a/b" }, { "/a\\*b", "/a*b" }, { "/a*", NULL },
                   { "/a?", NULL },    { "(/a)", NULL },     { "{a}", "a" },
                   { "~/a", NULL },    { "[a]", NULL },      { "C\\\\x", "C\\x" } };

        for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                char error[256];

                cr_assert_eq(pattern_new(of[i].pattern, &pattern, error, sizeof(error)), 0);
                if (of[i].literal)
                        cr_assert_str_eq(pattern_literal(pattern), of[i].literal);
                else
                        cr_assert_null(pattern_literal(pattern), "%s", of[i].pattern);
        }
}

Test(native_pattern, refused) {
        static const char *const wrong[] = {
                "",           "~",
                "/a[b",       "/a[",
                "/a{b",       "/a}",
                "/a(b",       "/a)",
                "/a\\",       "[z-a]",
                "[\xc3\xa4]", "[[:nonsense:]]",
                "[[:alpha",   "(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)",
                "~(a",        "~*a",
                "~a\\",       "~\\d+",
                "~(a)\\1",    "~a{3,2}",
                "~a{",        "~a{x}",
                "~a{1000}",   "~[a",
                "~a{1,2",     "~((a{255}){255}){255}",
                "~[[=a=]]",   "~(((((((((([a-z]{250}){9})))))))))",
        };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                char error[256] = "";

                cr_assert_eq(pattern_new(wrong[i], &pattern, error, sizeof(error)), POLICY_E_INVALID, "%s",
                             wrong[i]);
                cr_assert(error[0], "%s", wrong[i]);
                cr_assert_null(pattern);
        }
}

static uint64_t seed = 7;

static uint32_t draw(uint32_t below) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (uint32_t)(seed >> 33) % below;
}

static void draw_text(char *text, const char *letters, size_t n_max) {
        size_t n = draw((uint32_t)n_max);

        for (size_t i = 0; i < n; i++)
                text[i] = letters[draw((uint32_t)strlen(letters))];
        text[n] = 0;
}

/* Whatever is taken here and means the same to fnmatch must match alike. */
Test(native_pattern, as_fnmatch) {
        size_t n_taken = 0, n_matching = 0;

        for (size_t i = 0; i < 60000; i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                char text[16], glob[16], error[256];

                draw_text(glob, "aab/*?[]!-\\", sizeof(glob));
                /* "**" has another meaning there; a star before an escaped slash is wrong in glibc. */
                if (strstr(glob, "**") || strstr(glob, "\\/") ||
                    pattern_new(glob, &pattern, error, sizeof(error)))
                        continue;
                n_taken++;
                for (size_t j = 0; j < 10; j++) {
                        bool matches;

                        draw_text(text, "aab/-!", 8);
                        matches = pattern_match(pattern, text, NULL, NULL);
                        n_matching += matches;
                        if (!strchr(glob, '['))
                                cr_assert_eq(matches, fnmatch(glob, text, FNM_PATHNAME) == 0, "%s on %s",
                                             glob, text);
                }
        }
        cr_assert_gt(n_taken, 5000);
        cr_assert_gt(n_matching, 500);
}

Test(native_pattern, as_regexec) {
        size_t n_taken = 0, n_matching = 0;

        for (size_t i = 0; i < 60000; i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                char text[16], expression[18] = "~", error[256];
                regex_t regex;

                draw_text(expression + 1, "aaabb.*+?|()^$[]{}12,", sizeof(expression) - 1);
                if (pattern_new(expression, &pattern, error, sizeof(error)))
                        continue;
                if (regcomp(&regex, expression + 1, REG_EXTENDED))
                        continue;
                n_taken++;
                for (size_t j = 0; j < 10; j++) {
                        struct policy_capture captures[POLICY_CAPTURES_MAX];
                        bool matches;
                        size_t n;

                        draw_text(text, "aab", 8);
                        matches = pattern_match(pattern, text, NULL, NULL);
                        n_matching += matches;
                        cr_assert_eq(matches, regexec(&regex, text, 0, NULL, 0) == 0, "%s on %s", expression,
                                     text);
                        cr_assert_eq(pattern_match(pattern, text, captures, &n), matches);
                        for (size_t k = 0; k < n; k++)
                                cr_assert(captures[k].text >= text &&
                                          captures[k].text + captures[k].n <= text + strlen(text));
                }
                regfree(&regex);
        }
        cr_assert_gt(n_taken, 3000);
        cr_assert_gt(n_matching, 3000);
}

static double seconds(void) {
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Each of these takes a backtracking matcher longer than anybody lives. */
Test(native_pattern, hostile) {
        static const char *const patterns[] = {
                "**a**a**a**a**a**a**a**a**a**a**a**a**b",
                "(**)a(**)a(**)a(**)a(**)a(**)a(**)a(**)b",
                "{a,{a,{a,{a,{a,{a,**}}}}}}**{a,aa,aaa}**b",
                "~^(a*)*$",
                "~^(a|a|aa)*b$",
                "~(a?){200}a{200}b",
                "~((a*)*)*b",
        };
        char *text = malloc(4097);

        memset(text, 'a', 4096);
        text[4096] = 0;
        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                struct policy_capture captures[POLICY_CAPTURES_MAX];
                char error[256];
                double start = seconds();
                size_t n;

                cr_assert_eq(pattern_new(patterns[i], &pattern, error, sizeof(error)), 0, "%s: %s",
                             patterns[i], error);
                pattern_match(pattern, text, captures, &n);
                cr_assert_lt(seconds() - start, 60, "%s", patterns[i]);
        }
        free(text);
}

Test(native_pattern, long_ones) {
        cleanup_pattern struct policy_pattern *pattern = NULL;
        char *text = malloc(PATTERN_BYTES_MAX + 2), error[256];

        memset(text, 'x', PATTERN_BYTES_MAX + 1);
        text[PATTERN_BYTES_MAX + 1] = 0;
        cr_assert_eq(pattern_new(text, &pattern, error, sizeof(error)), POLICY_E_INVALID);
        text[PATTERN_BYTES_MAX] = 0;
        text[0] = '?';
        cr_assert_eq(pattern_new(text, &pattern, error, sizeof(error)), 0, "%s", error);
        cr_assert(pattern_match(pattern, text, NULL, NULL));
        text[PATTERN_BYTES_MAX - 1] = 'y';
        cr_assert_not(pattern_match(pattern, text, NULL, NULL));
        memset(text, '{', PATTERN_BYTES_MAX);
        pattern = pattern_free(pattern);
        cr_assert_eq(pattern_new(text, &pattern, error, sizeof(error)), POLICY_E_INVALID);
        memset(text, '(', PATTERN_BYTES_MAX);
        text[0] = '~';
        cr_assert_eq(pattern_new(text, &pattern, error, sizeof(error)), POLICY_E_INVALID);
        free(text);
}

static void *match_on_small_stack(void *data) {
        struct policy_capture captures[POLICY_CAPTURES_MAX];
        char text[4097];
        size_t n;

        memset(text, 'a', 4096);
        text[4096] = 0;
        return pattern_match(data, text, captures, &n) ? data : NULL;
}

/* Workers of the supervisor have 256 KiB of stack; half of it must be enough for the largest patterns. */
Test(native_pattern, on_a_small_stack) {
        static const char *const patterns[] = { "~^(a?){150}(a*)$",
                                                "(a**)(**)(**)(**)(**)(**)(**)(**)(**)" };

        for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
                cleanup_pattern struct policy_pattern *pattern = NULL;
                pthread_attr_t attr;
                pthread_t thread;
                char error[256];
                void *matched;

                cr_assert_eq(pattern_new(patterns[i], &pattern, error, sizeof(error)), 0, "%s", error);
                pthread_attr_init(&attr);
                pthread_attr_setstacksize(&attr, 192 * 1024);
                cr_assert_eq(pthread_create(&thread, &attr, match_on_small_stack, pattern), 0);
                cr_assert_eq(pthread_join(thread, &matched), 0);
                cr_assert_not_null(matched);
                pthread_attr_destroy(&attr);
        }
}
