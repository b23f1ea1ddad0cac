/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From a name to a filter.
 *
 * What must stay true: a stranger's name opens plain files below the folders only, whatever links, ".." or
 * devices it leads over, and never makes us wait; and a thousand containers with one profile cost one
 * compilation.
 */

#include "supervisor/service/config_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "policy/compile.h"
#include "policy/read.h"
#include "policy/resolve.h"

#define CACHED_MAX 512 /* files and capabilities in use at a time; the one not asked for longest goes */

/* Which file it was, and in which state. */
struct identity {
        dev_t device;
        ino_t inode;
        off_t size;
        struct timespec modified, changed;
        uint64_t caps;
};

struct cached {
        struct identity identity;
        struct filter filter; /* empty: problem says why */
        char *digest;         /* NULL: unknown */
        char *problem;        /* NULL: none */
        uint64_t asked;       /* when, as a count of questions */
        bool settled;         /* a change since would show in the identity */
};

struct config_profiles {
        pthread_mutex_t lock;
        struct cached items[CACHED_MAX];
        size_t n;
        uint64_t asked;
};

int config_profiles_new(struct config_profiles **ret) {
        struct config_profiles *profiles = calloc(1, sizeof(*profiles));

        if (!profiles)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&profiles->lock, NULL);
        *ret = profiles;
        return 0;
}

static void cached_deinit(struct cached *cached) {
        filter_deinit(&cached->filter);
        free(cached->digest);
        free(cached->problem);
        *cached = (struct cached){ 0 };
}

struct config_profiles *config_profiles_free(struct config_profiles *profiles) {
        if (!profiles)
                return NULL;
        for (size_t i = 0; i < profiles->n; i++)
                cached_deinit(&profiles->items[i]);
        pthread_mutex_destroy(&profiles->lock);
        free(profiles);
        return NULL;
}

/* ---- opening ---- */

/* O_NONBLOCK: a pipe without a writer would hold up everything. */
#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

#define RETRIES_MAX 1000 /* a rename anywhere makes a lookup of ".." give up that must not lead out */

/* Links may lead to elsewhere below the folder, as those of a mounted ConfigMap do, but not out of it. Where
 * the kernel cannot promise that, names of files in the folder itself are left. */
static int open_below(const char *folder, const char *name) {
        struct open_how how = { .flags = OPEN_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };
        cleanup_fd int fd_folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int fd = -1;

        if (fd_folder < 0)
                return -errno;
        for (unsigned i = 0; i < RETRIES_MAX; i++) {
                fd = (int)syscall(SYS_openat2, fd_folder, name, &how, sizeof(how));
                if (fd >= 0 || errno != EAGAIN)
                        break;
        }
        if (fd < 0 && errno == ENOSYS && !strchr(name, '/'))
                fd = openat(fd_folder, name, OPEN_FLAGS | O_NOFOLLOW);
        return fd < 0 ? -errno : fd;
}

static int open_in(const char *folder, const char *name, char *ret_path, size_t size) {
        static const char *const endings[] = { "", ".json", ".yaml", ".yml" };
        char full[NAME_MAX + 8];
        int fd = -ENOENT;

        for (size_t i = 0; i < 4 && fd == -ENOENT; i++) {
                snprintf(full, sizeof(full), "%s%s", name, endings[i]);
                fd = open_below(folder, full);
                snprintf(ret_path, size, "%s/%s", folder, full);
        }
        return fd;
}

static bool may_be_name(const char *name) {
        return *name && *name != '/' && strlen(name) <= NAME_MAX;
}

/* The descriptor, or -errno with a problem. */
static int open_profile(const struct config *config, const struct config_profile_query *query,
                        char *ret_path, size_t size, const char **ret_where) {
        int fd = -ENOENT, first = -ENOENT;

        *ret_where = "";
        if (query->trusted && *query->name == '/') {
                snprintf(ret_path, size, "%s", query->name);
                fd = open(query->name, OPEN_FLAGS);
                return fd < 0 ? -errno : fd;
        }
        *ret_where = " in the profile folders";
        if (!may_be_name(query->name))
                return -ENOENT;
        for (size_t i = 0; i < config->n_profile_folders && fd < 0; i++) {
                fd = open_in(config->profile_folders[i], query->name, ret_path, size);
                if (fd < 0 && fd != -ENOENT && first == -ENOENT)
                        first = fd;
        }
        return fd < 0 ? first : fd;
}

/* ---- compiling ---- */

/* The first error as one line. */
static char *first_error(const struct diags *diags, const char *otherwise) {
        char *text = NULL;

        for (size_t i = 0; i < diags->n; i++) {
                const struct diag *diag = &diags->items[i];
                int n;

                if (diag->severity != DIAG_ERROR)
                        continue;
                if (diag->line && !diag->place)
                        n = asprintf(&text, "line %u, column %u: %s", diag->line, diag->column, diag->text);
                else
                        n = asprintf(&text, "%s%s%s", diag->place ? diag->place : "",
                                     diag->place ? ": " : "", diag->text);
                return n < 0 ? NULL : text;
        }
        return strdup(otherwise);
}

static int compile(const struct profile *profile, uint64_t caps, struct diags *diags, struct filter *ret) {
        cleanup_profile struct profile *resolved = NULL;
        struct profile_context context;
        int r = profile_context_machine(&context);

        if (r)
                return error_trace(r);
        context.caps = caps;
        r = profile_resolve(profile, &context, diags, &resolved);
        return error_trace(r ? r : filter_compile(resolved, diags, ret));
}

static bool ends_in(const char *path, const char *end) {
        size_t n_path = strlen(path), n_end = strlen(end);

        return n_path > n_end && strcmp(path + n_path - n_end, end) == 0;
}

/* Fills *cached by what the file holds. 0 or -errno. */
static int load(int fd, const char *path, uint64_t caps, struct cached *cached) {
        const struct profile_read_options options = { .digest = true,
                                                      .yaml = ends_in(path, ".yaml") ||
                                                              ends_in(path, ".yml"),
                                                      .json = ends_in(path, ".json") };
        cleanup_profile struct profile *profile = NULL;
        struct buf buf = BUF_INIT(PROFILE_BYTES_MAX + 1);
        struct diags diags = DIAGS_INIT;
        const char *otherwise = "cannot be read";
        int r = buf_read_fd(&buf, fd, PROFILE_BYTES_MAX);

        if (r && r != -ENOMEM) {
                otherwise = r == -EFBIG ? "is too large" : strerror(-r);
                r = PROFILE_E_INVALID;
        }
        if (!r)
                r = profile_read_as(buf.n ? buf.data : "", buf.n, &options, &diags, &profile);
        if (!r && profile->digest) {
                cached->digest = strdup(profile->digest);
                r = cached->digest ? 0 : error_origin(-ENOMEM);
        }
        if (!r)
                r = compile(profile, caps, &diags, &cached->filter);
        if (r == PROFILE_E_EMPTY)
                otherwise = "asks for no filter at all";
        if (r > 0) {
                cached->problem = first_error(&diags, otherwise);
                r = cached->problem ? 0 : error_origin(-ENOMEM);
        }
        diags_deinit(&diags);
        buf_deinit(&buf);
        return error_trace(r);
}

/* ---- the cache ---- */

/* A file that was changed just now may change once more without its times showing it: clocks of file systems
 * tick every few milliseconds. */
static bool is_settled(const struct stat *status) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return now.tv_sec - status->st_ctim.tv_sec > 1 || now.tv_sec < status->st_ctim.tv_sec;
}

static struct identity identity_of(const struct stat *status, uint64_t caps) {
        struct identity identity;

        memset(&identity, 0, sizeof(identity)); /* compared as bytes */
        identity.device = status->st_dev;
        identity.inode = status->st_ino;
        identity.size = status->st_size;
        identity.modified = status->st_mtim;
        identity.changed = status->st_ctim;
        identity.caps = caps;
        return identity;
}

static struct cached *find(struct config_profiles *profiles, const struct identity *identity) {
        for (size_t i = 0; i < profiles->n; i++)
                if (memcmp(&profiles->items[i].identity, identity, sizeof(*identity)) == 0)
                        return &profiles->items[i];
        return NULL;
}

static struct cached *make_room(struct config_profiles *profiles) {
        struct cached *oldest = &profiles->items[0];

        if (profiles->n < CACHED_MAX)
                return &profiles->items[profiles->n++];
        for (size_t i = 1; i < CACHED_MAX; i++)
                if (profiles->items[i].asked < oldest->asked)
                        oldest = &profiles->items[i];
        cached_deinit(oldest);
        return oldest;
}

static int look_up(struct config_profiles *profiles, int fd, const char *path, const struct stat *status,
                   uint64_t caps, struct cached **ret) {
        struct identity identity = identity_of(status, caps);
        struct cached loaded = { .identity = identity, .settled = is_settled(status) };
        struct cached *cached = find(profiles, &identity);
        int r;

        if (!cached || (loaded.settled && !cached->settled)) {
                r = load(fd, path, caps, &loaded);
                if (r) {
                        cached_deinit(&loaded);
                        return error_trace(r);
                }
                if (cached)
                        cached_deinit(cached);
                else
                        cached = make_room(profiles);
                *cached = loaded;
        }
        cached->asked = ++profiles->asked;
        *ret = cached;
        return 0;
}

static void say(char *problem, size_t size, const char *name, const char *what, const char *where) {
        struct buf text = BUF_INIT(4096);
        size_t n = strlen(name);

        buf_escape(&text, name, n > 100 ? 100 : n);
        snprintf(problem, size, "profile \"%s%s\"%s: %s", buf_string(&text), n > 100 ? "…" : "", where,
                 what);
        buf_deinit(&text);
}

int config_profile_find(const struct config *config, const struct config_profile_query *query,
                        struct filter *ret, char *problem, size_t size) {
        struct config_profiles *profiles = config->profiles;
        char path[PATH_MAX + NAME_MAX + 16] = "";
        struct cached *cached = NULL;
        const char *where;
        struct stat status;
        cleanup_fd int fd = open_profile(config, query, path, sizeof(path), &where);
        int r;

        problem[0] = '\0';
        if (fd < 0) {
                say(problem, size, query->name,
                    fd == -EXDEV || fd == -ELOOP ? "leads out of its folder" : strerror(-fd), where);
                return CONFIG_E_INVALID;
        }
        if (fstat(fd, &status) != 0)
                return error_origin(-errno);
        if (!S_ISREG(status.st_mode)) {
                say(problem, size, query->name, "is not a plain file", "");
                return CONFIG_E_INVALID;
        }
        pthread_mutex_lock(&profiles->lock);
        r = look_up(profiles, fd, path, &status, query->caps, &cached);
        if (!r && cached->problem) {
                say(problem, size, query->name, cached->problem, "");
                r = CONFIG_E_INVALID;
        } else if (!r) {
                r = filter_copy(&cached->filter, ret);
                if (query->digest && cached->digest && strcmp(query->digest, cached->digest) != 0)
                        say(problem, size, query->name,
                            "is not, or no longer, the one that the container was made for", "");
        }
        pthread_mutex_unlock(&profiles->lock);
        return error_trace(r);
}
