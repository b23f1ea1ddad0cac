/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Substituted contents. What must stay true: nobody can change a content that another open shares; what the
 * task says (its path, its program's name) is put into a template as data and never looked at again.
 */

#include "supervisor/emulate/substitute.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"
#include "supervisor/emulate/paths.h"

#define CONTENT_MAX  (16u * 1024 * 1024)
#define CONTENTS_MAX 256 /* kept ready, of all sessions */
#define SEALS        (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

struct content {
        int kind;       /* POLICY_TEXT, POLICY_FILE */
        char *text;     /* the text, or the file's path */
        struct stat st; /* FILE: what it was when it was read */
        int fd;
        struct content *older;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct content *contents;
static size_t n_contents;

/* ---- memory files ---- */

static int make_file(const char *bytes, size_t n, int *ret_fd) {
        cleanup_fd int fd = memfd_create("substitute", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        int r;

        if (fd < 0)
                return error_origin(-errno);
        r = fd_write_all(fd, bytes, n);
        if (r)
                return error_trace(r);
        if (fchmod(fd, 0444) < 0 || fcntl(fd, F_ADD_SEALS, SEALS) < 0)
                return error_origin(-errno);
        *ret_fd = fd_take(&fd);
        return 0;
}

/* The whole of a file; *ret is owned by the caller and ends in NUL. */
static int read_file(const char *path, struct stat *ret_st, char **ret, size_t *ret_n) {
        cleanup_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        char *bytes;
        size_t n = 0;

        if (fd < 0 || fstat(fd, ret_st) < 0)
                return error_origin(-errno);
        if (!S_ISREG(ret_st->st_mode))
                return error_origin(-EINVAL);
        if (ret_st->st_size > CONTENT_MAX)
                return error_origin(-EFBIG);
        bytes = malloc((size_t)ret_st->st_size + 1);
        if (!bytes)
                return error_origin(-ENOMEM);
        while (n < (size_t)ret_st->st_size) {
                ssize_t got = read(fd, bytes + n, (size_t)ret_st->st_size - n);

                if (got < 0) {
                        free(bytes);
                        return error_origin(-errno);
                }
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        bytes[n] = 0;
        *ret = bytes;
        *ret_n = n;
        return 0;
}

/* ---- contents kept ready ---- */

static struct content *content_free(struct content *content) {
        if (!content)
                return NULL;
        fd_close(content->fd);
        free(content->text);
        free(content);
        return NULL;
}

static bool same_file(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
               a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static struct content *find(int kind, const char *text) {
        struct stat st;

        for (struct content *content = contents; content; content = content->older) {
                if (content->kind != kind || strcmp(content->text, text) != 0)
                        continue;
                if (kind == POLICY_TEXT || (stat(text, &st) == 0 && same_file(&st, &content->st)))
                        return content;
                break; /* the newest of a file counts */
        }
        return NULL;
}

static void forget_oldest(void) {
        struct content **at = &contents;

        while (*at && (*at)->older)
                at = &(*at)->older;
        *at = content_free(*at);
        n_contents--;
}

static int add(int kind, const char *text, struct content **ret) {
        struct content *content = calloc(1, sizeof(*content));
        char *bytes = NULL;
        size_t n = 0;
        int r;

        if (!content)
                return error_origin(-ENOMEM);
        content->kind = kind;
        content->fd = -1;
        content->text = strdup(text);
        r = content->text ? 0 : error_origin(-ENOMEM);
        if (!r)
                r = kind == POLICY_FILE ? read_file(text, &content->st, &bytes, &n) : 0;
        if (!r)
                r = make_file(kind == POLICY_FILE ? bytes : text, kind == POLICY_FILE ? n : strlen(text),
                              &content->fd);
        free(bytes);
        if (r) {
                content_free(content);
                return error_trace(r);
        }
        content->older = contents;
        contents = content;
        if (++n_contents > CONTENTS_MAX)
                forget_oldest();
        *ret = content;
        return 0;
}

/* ---- templates ---- */

/* Text that grows. */
struct text {
        char *bytes;
        size_t n, size;
};

static int put(struct text *text, const char *bytes, size_t n) {
        if (n > CONTENT_MAX - text->n)
                return error_origin(-EFBIG);
        if (text->n + n > text->size) {
                size_t size = (text->n + n) * 2 + 256;
                char *grown = realloc(text->bytes, size);

                if (!grown)
                        return error_origin(-ENOMEM);
                text->bytes = grown;
                text->size = size;
        }
        memcpy(text->bytes + text->n, bytes, n);
        text->n += n;
        return 0;
}

static int need_fact(struct call *call, enum policy_fact fact) {
        if ((call->facts.known & 1u << fact) || !call->facts.fetch)
                return 0;
        return call->facts.fetch(&call->facts, fact, call);
}

/* The last of the numbers of a line of the status file, which is the task's own pid namespace. */
static int own_number(struct call *call, const char *key, char *ret, size_t size) {
        char line[256], *last;
        int r = view_status(call, key, line, sizeof(line));

        if (r)
                return r;
        last = strrchr(line, '\t');
        snprintf(ret, size, "%s", last ? last + 1 : line);
        return 0;
}

static int fact_pid(struct call *call, char *ret, size_t size) {
        return own_number(call, "NStgid", ret, size);
}

static int fact_tid(struct call *call, char *ret, size_t size) {
        return own_number(call, "NSpid", ret, size);
}

static int fact_uid(struct call *call, char *ret, size_t size) {
        int r = need_fact(call, POLICY_FACT_CREDENTIALS);

        snprintf(ret, size, "%" PRIu64, call->facts.uid);
        return r;
}

static int fact_gid(struct call *call, char *ret, size_t size) {
        int r = need_fact(call, POLICY_FACT_CREDENTIALS);

        snprintf(ret, size, "%" PRIu64, call->facts.gid);
        return r;
}

static int fact_program(struct call *call, char *ret, size_t size) {
        int r = need_fact(call, POLICY_FACT_PROGRAM);

        snprintf(ret, size, "%s", call->facts.program ? call->facts.program : "");
        return r;
}

static int fact_path(struct call *call, char *ret, size_t size) {
        snprintf(ret, size, "%s", call->facts.n_paths > 0 ? call->facts.paths[0] : "");
        return 0;
}

static int fact_call(struct call *call, char *ret, size_t size) {
        snprintf(ret, size, "%s", call->name);
        return 0;
}

static const struct {
        const char *name;
        int (*write)(struct call *call, char *ret, size_t size);
} facts[] = {
        { "pid", fact_pid },   { "tid", fact_tid },         { "uid", fact_uid },   { "gid", fact_gid },
        { "path", fact_path }, { "program", fact_program }, { "call", fact_call },
};

/* "${name}" at the start of at: *ret_n bytes of it are used. What has no such name stays as it is. */
static int put_fact(struct call *call, struct text *text, const char *at, size_t n, size_t *ret_n) {
        char value[4096];

        for (size_t i = 0; i < sizeof(facts) / sizeof(facts[0]); i++) {
                size_t n_name = strlen(facts[i].name);
                int r;

                if (n < n_name + 3 || at[1] != '{' || memcmp(at + 2, facts[i].name, n_name) != 0 ||
                    at[2 + n_name] != '}')
                        continue;
                r = facts[i].write(call, value, sizeof(value));
                *ret_n = n_name + 3;
                return r ? r : put(text, value, strlen(value));
        }
        *ret_n = n > 1 && at[1] == '$' ? 2 : 1;
        return put(text, "$", 1);
}

static int fill_template(struct call *call, const char *bytes, size_t n, struct text *text) {
        size_t at = 0;

        while (at < n) {
                const char *dollar = memchr(bytes + at, '$', n - at);
                size_t plain = dollar ? (size_t)(dollar - bytes) - at : n - at, used;
                int r = put(text, bytes + at, plain);

                at += plain;
                if (r || !dollar)
                        return r;
                r = put_fact(call, text, bytes + at, n - at, &used);
                if (r)
                        return r;
                at += used;
        }
        return 0;
}

static int make_from_template(struct call *call, const char *path, int *ret_fd) {
        struct text text = { 0 };
        char *bytes = NULL;
        struct stat st;
        size_t n;
        int r = read_file(path, &st, &bytes, &n);

        if (!r)
                r = fill_template(call, bytes, n, &text);
        if (!r)
                r = make_file(text.bytes ? text.bytes : "", text.n, ret_fd);
        free(bytes);
        free(text.bytes);
        return r;
}

/* ---- answers ---- */

int substitute_content(struct call *call, int *ret_fd) {
        const struct policy_rule *rule = call->verdict.rule;
        struct content *content;
        int r = 0;

        if (rule->content == POLICY_TEMPLATE)
                return make_from_template(call, rule->text, ret_fd);
        pthread_mutex_lock(&lock);
        content = find((int)rule->content, rule->text);
        if (!content)
                r = add((int)rule->content, rule->text, &content);
        if (!r) {
                *ret_fd = fcntl(content->fd, F_DUPFD_CLOEXEC, 0);
                if (*ret_fd < 0)
                        r = error_origin(-errno);
        }
        pthread_mutex_unlock(&lock);
        return error_trace(r);
}

int substitute_open(struct call *call, int flags) {
        cleanup_fd int content = -1;
        int r, fd;

        if ((flags & O_CREAT) && (flags & O_EXCL) && !(flags & O_PATH))
                return answer_errno(call, EEXIST);
        if ((flags & O_DIRECTORY) || (call->n_paths > 0 && call->paths[0].slash))
                return answer_errno(call, ENOTDIR);
        if (!(flags & O_PATH) && ((flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC)))
                return answer_errno(call, EROFS);
        r = substitute_content(call, &content);
        if (r)
                return error_trace(r);
        fd = paths_reopen(content, O_RDONLY | (flags & (O_NONBLOCK | O_APPEND)));
        if (fd < 0)
                return error_origin(fd);
        return answer_fd(call, fd, (flags & O_CLOEXEC) != 0);
}

int substitute_access(struct call *call, int mode) {
        if (call->n_paths > 0 && call->paths[0].slash)
                return answer_errno(call, ENOTDIR);
        return answer_errno(call, mode & W_OK ? EROFS : mode & X_OK ? EACCES : 0);
}
