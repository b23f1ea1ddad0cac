/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about a profile that can be read. Each check looks for one kind of doubt and adds at most a few
 * diags, naming all calls concerned in one sentence, so that a long profile with one habit gives one
 * finding. Nothing here changes the profile, nothing depends on the order of the checks, and no check takes
 * more than n log n for a profile of n names.
 */

#include "policy/check_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "syscalls/names.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 100 /* of a longer list; the rest is counted */

static int compare_places(const char *a, const char *b) {
        if (!a || !b)
                return (a ? 1 : 0) - (b ? 1 : 0);
        return strcmp(a, b);
}

static int compare_said(const void *left, const void *right) {
        const struct diag *a = left, *b = right;

        if (a->id != b->id)
                return (uintptr_t)a->id < (uintptr_t)b->id ? -1 : 1;
        return compare_places(a->place, b->place);
}

/* What was said before the checks of this context, sorted, with strings that stay where they were. */
static int note_said(struct checker *checker) {
        const struct diags *diags = checker->diags;

        checker->said = calloc(diags->n ? diags->n : 1, sizeof(*checker->said));
        if (!checker->said)
                return error_origin(-ENOMEM);
        checker->n_said = diags->n;
        if (diags->n)
                memcpy(checker->said, diags->items, diags->n * sizeof(*checker->said));
        qsort(checker->said, checker->n_said, sizeof(*checker->said), compare_said);
        return 0;
}

/* On another architecture, where the sentence then begins with its name. */
static bool said_before(const struct checker *checker, const char *id, const char *place, const char *text) {
        const struct diag key = { .id = id, .place = (char *)place };
        size_t n_text = strlen(text), low = 0, high = checker->n_said;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_said(&checker->said[middle], &key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < checker->n_said && !compare_said(&checker->said[low], &key); low++) {
                const char *said = checker->said[low].text;
                size_t n_said = strlen(said);

                if (n_said >= n_text && !strcmp(said + n_said - n_text, text))
                        return true;
        }
        return false;
}

/* "on aarch64 programs make …": some findings are about one architecture anyway. */
static bool names_itself(const char *text, const char *name) {
        size_t n = strlen(name);

        return strncmp(text, "on ", 3) == 0 && strncmp(text + 3, name, n) == 0 && text[3 + n] == ' ';
}

static int add(struct checker *checker, const struct finding *finding, const char *place, struct buf *text) {
        if (buf_error(text))
                return error_trace(buf_error(text));
        if (!checker->named || names_itself(buf_string(text), checker->context->arch->name))
                return error_trace(diag_add(checker->diags, finding->severity, finding->id, place, "%s",
                                            buf_string(text)));
        if (said_before(checker, finding->id, place, buf_string(text)))
                return 0;
        return error_trace(diag_add(checker->diags, finding->severity, finding->id, place, "on %s: %s",
                                    checker->context->arch->name, buf_string(text)));
}

int check_find(struct checker *checker, const char *id, const char *place, const char *format, ...) {
        struct buf text = BUF_INIT(0);
        va_list args;
        int r;

        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        r = add(checker, finding_by_id(id), place, &text);
        buf_deinit(&text);
        return error_trace(r);
}

int check_names(struct checker *checker, const char *id, const char *place, const char *const *names,
                size_t n, const char *format) {
        const char *hole = strstr(format, "%s");
        size_t shown = n <= NAMES_SHOWN ? n : NAMES_SHOWN - 1;
        struct buf text = BUF_INIT(0);
        int r;

        buf_put(&text, format, (size_t)(hole - format));
        for (size_t i = 0; i < shown; i++)
                buf_printf(&text, "%s%s", !i ? "" : i + 1 == n ? " and " : ", ", names[i]);
        if (shown < n)
                buf_printf(&text, " and %zu more", n - shown);
        buf_puts(&text, hole + 2);
        r = add(checker, finding_by_id(id), place, &text);
        buf_deinit(&text);
        return error_trace(r);
}

static int compare_mentions(const void *left, const void *right) {
        const struct mention *a = left, *b = right;
        int r = strcmp(a->name, b->name);

        if (r)
                return r;
        if (a->rule != b->rule)
                return a->rule < b->rule ? -1 : 1;
        return a->position < b->position ? -1 : a->position > b->position;
}

static int make_mentions(struct checker *checker) {
        const struct profile *flat = checker->flat;
        size_t n = 0;

        for (size_t i = 0; i < flat->n_rules; i++)
                n += flat->rules[i].n_names;
        checker->mentions = calloc(n ? n : 1, sizeof(*checker->mentions));
        if (!checker->mentions)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < flat->n_rules; i++)
                for (size_t j = 0; j < flat->rules[i].n_names; j++)
                        checker->mentions[checker->n_mentions++] = (struct mention){
                                .name = flat->rules[i].names[j], .rule = i, .position = j
                        };
        qsort(checker->mentions, n, sizeof(*checker->mentions), compare_mentions);
        return 0;
}

const struct mention *check_mentions(const struct checker *checker, const char *name, size_t *ret_n) {
        size_t low = 0, high = checker->n_mentions, end;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(checker->mentions[middle].name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (end = low; end < checker->n_mentions && !strcmp(checker->mentions[end].name, name); end++)
                ;
        *ret_n = end - low;
        return end > low ? &checker->mentions[low] : NULL;
}

const struct rule *check_written(const struct checker *checker, const struct rule *flat) {
        const struct profile *written = checker->written;
        const char *number = strrchr(flat->place, '[');
        unsigned long i;
        char *end;

        /* A place ends in the position, unless rules before it were made, or left out; that of a rule that
         * was made, not read, is nothing else. */
        if (number) {
                i = strtoul(number + 1, &end, 10);
                if (*end == ']' && i < written->n_rules &&
                    (written->rules[i].place ? !strcmp(written->rules[i].place, flat->place)
                                             : !strncmp(flat->place, "syscalls[", 9)))
                        return &written->rules[i];
        }
        for (i = 0; i < written->n_rules; i++)
                if (written->rules[i].place && !strcmp(written->rules[i].place, flat->place))
                        return &written->rules[i];
        return NULL;
}

bool check_verdict(const struct checker *checker, const char *name, struct match *ret) {
        static const uint64_t zeros[6];
        int nr = syscall_number(checker->context->arch, name);

        if (nr < 0)
                return false;
        match_call(checker->flat, checker->context->arch->audit, (uint32_t)nr, zeros, ret);
        return true;
}

bool check_lets_through(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG ||
               action == SECCOMP_RET_USER_NOTIF || action == SECCOMP_RET_TRACE;
}

bool check_refused(const struct checker *checker, const char *name) {
        struct match match;

        return !check_verdict(checker, name, &match) ||
               (!check_lets_through(match.action) && !match.on_arguments);
}

bool check_allowed(const struct checker *checker, const char *name, struct match *ret) {
        uint32_t action;

        if (!check_verdict(checker, name, ret) || ret->on_arguments)
                return false;
        action = ret->action & SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* The rest is the same on every architecture. */
static int (*const by_architecture[])(struct checker *checker) = {
        check_architectures, check_start,    check_runtime,   check_fallbacks,   check_overlaps,
        check_successors,    check_siblings, check_arguments, check_multiplexed,
};

static int (*const once[])(struct checker *checker) = {
        check_fleet,     check_default,       check_notify,           check_flags,
        check_deny_list, check_conditions,    check_equal_to_default, check_duplicates,
        check_shadowed,  check_foreign_names, check_never_applies,    check_risks,
        check_compiles,
};

static int check_context(const struct profile *profile, const struct profile_context *context,
                         const struct check_options *options, bool first, bool named, struct diags *diags) {
        cleanup_profile struct profile *flat = NULL;
        struct checker checker = {
                .written = profile,
                .context = context,
                .options = options,
                .diags = diags,
                .named = named,
        };
        struct diags unwanted = DIAGS_INIT;
        int r = profile_resolve(profile, context, first ? diags : &unwanted, &flat);

        diags_deinit(&unwanted);
        if (r == PROFILE_E_EMPTY)
                return error_trace(
                        !first ? 0
                               : check_find(&checker, "no-filter", NULL,
                                            "has neither defaultAction nor rules, so no filter is loaded "
                                            "at all; add them, or remove the file"));
        if (r)
                return r < 0 ? error_trace(r) : 0;
        checker.flat = flat;
        r = make_mentions(&checker);
        if (!r && named)
                r = note_said(&checker);
        for (size_t i = 0; first && !r && i < sizeof(once) / sizeof(once[0]); i++)
                r = once[i](&checker);
        for (size_t i = 0; !r && i < sizeof(by_architecture) / sizeof(by_architecture[0]); i++)
                r = by_architecture[i](&checker);
        free(checker.mentions);
        free(checker.said);
        return error_trace(r);
}

int profile_check_for(const struct profile *profile, const struct profile_context *context,
                      const struct check_options *options, struct diags *diags) {
        static const struct check_options none = { 0 };
        int r = 0;

        if (!options)
                options = &none;
        if (!options->n_fleet)
                return error_trace(check_context(profile, context, options, true, false, diags));
        for (size_t i = 0; !r && i < options->n_fleet; i++) {
                struct profile_context there = *context;

                there.arch = options->fleet[i];
                r = check_context(profile, &there, options, !i, i > 0, diags);
        }
        return error_trace(r);
}

int profile_check(const struct profile *profile, const struct profile_context *context,
                  struct diags *diags) {
        return error_trace(profile_check_for(profile, context, NULL, diags));
}
