/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files by device and inode. What must stay true: at most one entry for a device and inode, that of the
 * latest birth seen; an entry says something, or root_files_tidy() removes it.
 */

#include "supervisor/emulate/root_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"

#define BUCKETS_FIRST 256

static size_t slot_of(const struct root_files *files, const struct root_file_key *key) {
        uint64_t device = (uint64_t)key->dev_major << 32 | key->dev_minor;

        return (size_t)hash_mix(hash_mix(key->ino ^ files->seed) ^ device) & (files->n_buckets - 1);
}

static bool same_inode(const struct root_file_key *a, const struct root_file_key *b) {
        return a->ino == b->ino && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
}

static bool same_birth(const struct root_file_key *a, const struct root_file_key *b) {
        return a->born_s == b->born_s && a->born_ns == b->born_ns;
}

/* The link that leads to the entry of an inode, whenever it was born, or to the end of its bucket. */
static struct root_file **link_of(const struct root_files *files, const struct root_file_key *key) {
        struct root_file **link = &files->buckets[slot_of(files, key)];

        while (*link && !same_inode(&(*link)->key, key))
                link = &(*link)->next;
        return link;
}

static void clear_xattrs(struct root_files *files, struct root_file *file) {
        while (file->xattrs) {
                struct root_xattr *next = file->xattrs->next;

                files->xattr_bytes -= file->xattrs->n;
                free(file->xattrs->name);
                free(file->xattrs);
                file->xattrs = next;
        }
        file->n_xattrs = 0;
}

static void unlink_file(struct root_files *files, struct root_file **link) {
        struct root_file *file = *link;

        *link = file->next;
        files->n--;
        files->n_devices -= file->type != 0;
        clear_xattrs(files, file);
        free(file);
}

void root_files_deinit(struct root_files *files) {
        for (size_t i = 0; i < files->n_buckets; i++)
                while (files->buckets[i])
                        unlink_file(files, &files->buckets[i]);
        free(files->buckets);
        *files = ROOT_FILES_INIT;
}

struct root_file_key root_file_key(const struct statx *stx) {
        struct root_file_key key = { stx->stx_dev_major, stx->stx_dev_minor, stx->stx_ino, 0, 0 };

        if (stx->stx_mask & STATX_BTIME) {
                key.born_s = stx->stx_btime.tv_sec;
                key.born_ns = stx->stx_btime.tv_nsec;
        }
        return key;
}

struct root_file *root_files_find(const struct root_files *files, const struct root_file_key *key) {
        struct root_file *file = files->n_buckets > 0 ? *link_of(files, key) : NULL;

        return file && same_birth(&file->key, key) ? file : NULL;
}

static int grow(struct root_files *files) {
        size_t n = files->n_buckets ? files->n_buckets * 2 : BUCKETS_FIRST;
        struct root_files grown = { .buckets = calloc(n, sizeof(*grown.buckets)), .n_buckets = n };

        if (!grown.buckets)
                return error_origin(-ENOMEM);
        if (!files->seed)
                files->seed = hash_seed();
        grown.seed = files->seed;
        for (size_t i = 0; i < files->n_buckets; i++)
                while (files->buckets[i]) {
                        struct root_file *file = files->buckets[i], **slot;

                        files->buckets[i] = file->next;
                        slot = &grown.buckets[slot_of(&grown, &file->key)];
                        file->next = *slot;
                        *slot = file;
                }
        free(files->buckets);
        files->buckets = grown.buckets;
        files->n_buckets = n;
        return 0;
}

int root_files_get(struct root_files *files, const struct root_file_key *key, struct root_file **ret) {
        struct root_file **link, *file;

        if (files->n >= files->n_buckets && grow(files))
                return error_trace(-ENOMEM);
        link = link_of(files, key);
        if (*link && same_birth(&(*link)->key, key)) {
                *ret = *link;
                return 0;
        }
        if (*link)
                unlink_file(files, link);
        if (files->n >= ROOT_FILES_MAX)
                return error_origin(-ENOSPC);
        file = calloc(1, sizeof(*file));
        if (!file)
                return error_origin(-ENOMEM);
        file->key = *key;
        file->uid = file->gid = file->mode = ROOT_REAL;
        link = &files->buckets[slot_of(files, key)];
        file->next = *link;
        *link = file;
        files->n++;
        *ret = file;
        return 0;
}

static bool says_nothing(const struct root_file *file) {
        return file->uid == ROOT_REAL && file->gid == ROOT_REAL && file->mode == ROOT_REAL &&
               file->type == 0 && !file->xattrs;
}

void root_files_tidy(struct root_files *files, const struct root_file_key *key) {
        struct root_file *file = root_files_find(files, key);

        if (file && says_nothing(file))
                unlink_file(files, link_of(files, key));
}

void root_files_drop(struct root_files *files, const struct root_file_key *key) {
        if (root_files_find(files, key))
                unlink_file(files, link_of(files, key));
}

void root_file_set_device(struct root_files *files, struct root_file *file, uint32_t type, uint32_t major,
                          uint32_t minor) {
        files->n_devices += (type != 0) - (file->type != 0);
        file->type = type;
        file->rdev_major = major;
        file->rdev_minor = minor;
}

uint32_t root_files_type_of(const struct root_files *files, uint32_t dev_major, uint32_t dev_minor,
                            uint64_t ino) {
        struct root_file_key key = { .dev_major = dev_major, .dev_minor = dev_minor, .ino = ino };
        const struct root_file *file = files->n_buckets > 0 ? *link_of(files, &key) : NULL;

        return file ? file->type : 0;
}

/* ---- extended attributes ---- */

const struct root_xattr *root_file_xattr(const struct root_file *file, const char *name) {
        for (const struct root_xattr *xattr = file->xattrs; xattr; xattr = xattr->next)
                if (strcmp(xattr->name, name) == 0)
                        return xattr;
        return NULL;
}

int root_file_set_xattr(struct root_files *files, struct root_file *file, const char *name,
                        const void *value, size_t n) {
        const struct root_xattr *old = root_file_xattr(file, name);
        struct root_xattr *xattr;

        if (!old && file->n_xattrs >= ROOT_XATTRS_MAX)
                return error_origin(-ENOSPC);
        if (files->xattr_bytes - (old ? old->n : 0) + n > ROOT_XATTRS_BYTES_MAX)
                return error_origin(-ENOSPC);
        xattr = calloc(1, sizeof(*xattr) + n);
        if (xattr)
                xattr->name = strdup(name);
        if (!xattr || !xattr->name) {
                free(xattr);
                return error_origin(-ENOMEM);
        }
        if (n > 0)
                memcpy(xattr->value, value, n);
        xattr->n = n;
        root_file_remove_xattr(files, file, name);
        xattr->next = file->xattrs;
        file->xattrs = xattr;
        file->n_xattrs++;
        files->xattr_bytes += n;
        return 0;
}

bool root_file_remove_xattr(struct root_files *files, struct root_file *file, const char *name) {
        for (struct root_xattr **link = &file->xattrs; *link; link = &(*link)->next) {
                struct root_xattr *xattr = *link;

                if (strcmp(xattr->name, name) != 0)
                        continue;
                *link = xattr->next;
                files->xattr_bytes -= xattr->n;
                file->n_xattrs--;
                free(xattr->name);
                free(xattr);
                return true;
        }
        return false;
}

/* ---- showing ---- */

void root_file_show(const struct root_file *file, uint32_t own_uid, uint32_t own_gid, struct statx *stx) {
        if (stx->stx_uid == own_uid)
                stx->stx_uid = 0;
        if (stx->stx_gid == own_gid)
                stx->stx_gid = 0;
        if (!file)
                return;
        if (file->uid != ROOT_REAL)
                stx->stx_uid = file->uid;
        if (file->gid != ROOT_REAL)
                stx->stx_gid = file->gid;
        if (file->mode != ROOT_REAL)
                stx->stx_mode = (uint16_t)((stx->stx_mode & S_IFMT) | file->mode);
        /* Only what is there in the place of a device is shown as one. */
        if (file->type && S_ISREG(stx->stx_mode)) {
                stx->stx_mode = (uint16_t)((stx->stx_mode & ~(unsigned)S_IFMT) | file->type);
                stx->stx_rdev_major = file->rdev_major;
                stx->stx_rdev_minor = file->rdev_minor;
                stx->stx_size = stx->stx_blocks = 0;
        }
}

/* ---- as text ---- */

static int by_key(const void *a, const void *b) {
        const struct root_file_key *left = &(*(struct root_file *const *)a)->key;
        const struct root_file_key *right = &(*(struct root_file *const *)b)->key;

        if (left->dev_major != right->dev_major)
                return left->dev_major < right->dev_major ? -1 : 1;
        if (left->dev_minor != right->dev_minor)
                return left->dev_minor < right->dev_minor ? -1 : 1;
        return left->ino < right->ino ? -1 : left->ino > right->ino;
}

static void write_file(const struct root_file *file, FILE *to) {
        const struct root_file_key *key = &file->key;

        fprintf(to, "file %u:%u %" PRIu64 " %" PRId64 ".%09u", key->dev_major, key->dev_minor, key->ino,
                key->born_s, key->born_ns);
        if (file->uid != ROOT_REAL)
                fprintf(to, " uid=%u", file->uid);
        if (file->gid != ROOT_REAL)
                fprintf(to, " gid=%u", file->gid);
        if (file->mode != ROOT_REAL)
                fprintf(to, " mode=%o", file->mode);
        if (file->type)
                fprintf(to, " %s=%u:%u", file->type == S_IFCHR ? "char" : "block", file->rdev_major,
                        file->rdev_minor);
        fputc('\n', to);
        for (const struct root_xattr *xattr = file->xattrs; xattr; xattr = xattr->next) {
                fputs("xattr ", to);
                /* Names of strangers: nothing in them may look like the end of a word. */
                for (const char *c = xattr->name; *c; c++)
                        if (*c <= ' ' || *c == '%' || *c == 0x7f)
                                fprintf(to, "%%%02x", (unsigned char)*c);
                        else
                                fputc(*c, to);
                fputs(xattr->n > 0 ? " " : " -", to);
                for (size_t i = 0; i < xattr->n; i++)
                        fprintf(to, "%02x", xattr->value[i]);
                fputc('\n', to);
        }
}

void root_files_write(const struct root_files *files, FILE *to) {
        struct root_file **sorted = calloc(files->n + 1, sizeof(*sorted));
        size_t n = 0;

        fputs("callgate-root 1\n", to);
        for (size_t i = 0; i < files->n_buckets; i++)
                for (struct root_file *file = files->buckets[i]; file; file = file->next)
                        if (sorted)
                                sorted[n++] = file;
                        else
                                write_file(file, to);
        if (sorted) {
                qsort(sorted, n, sizeof(*sorted), by_key);
                for (size_t i = 0; i < n; i++)
                        write_file(sorted[i], to);
        }
        free(sorted);
        fprintf(to, "end %zu\n", files->n);
}

/* One line being read: words between single blanks. */
struct line {
        const char *at, *end;
        char *error;
        size_t n_error;
};

static int wrong(const struct line *line, const char *what) {
        snprintf(line->error, line->n_error, "%s", what);
        return -EINVAL;
}

static bool skip(struct line *line, const char *text) {
        size_t n = strlen(text);

        if ((size_t)(line->end - line->at) < n || memcmp(line->at, text, n) != 0)
                return false;
        line->at += n;
        return true;
}

static bool number(struct line *line, unsigned base, uint64_t most, uint64_t *ret) {
        const char *start = line->at;
        uint64_t value = 0;

        while (line->at < line->end) {
                unsigned digit = (unsigned)(unsigned char)*line->at - '0';

                if (digit >= base)
                        break;
                if (value > (most - digit) / base)
                        return false;
                value = value * base + digit;
                line->at++;
        }
        *ret = value;
        return line->at > start;
}

static bool pair(struct line *line, uint32_t *ret_major, uint32_t *ret_minor) {
        uint64_t major, minor;

        if (!number(line, 10, UINT32_MAX, &major) || !skip(line, ":") ||
            !number(line, 10, UINT32_MAX, &minor))
                return false;
        *ret_major = (uint32_t)major;
        *ret_minor = (uint32_t)minor;
        return true;
}

static bool read_key(struct line *line, struct root_file_key *ret) {
        uint64_t seconds, nanoseconds;
        const char *fraction;
        bool before_1970;

        if (!pair(line, &ret->dev_major, &ret->dev_minor) || !skip(line, " ") ||
            !number(line, 10, UINT64_MAX, &ret->ino) || !skip(line, " "))
                return false;
        before_1970 = skip(line, "-");
        if (!number(line, 10, INT64_MAX, &seconds) || !skip(line, "."))
                return false;
        fraction = line->at;
        if (!number(line, 10, 999999999, &nanoseconds) || line->at - fraction != 9)
                return false;
        ret->born_s = before_1970 ? -(int64_t)seconds : (int64_t)seconds;
        ret->born_ns = (uint32_t)nanoseconds;
        return true;
}

static bool read_field(struct line *line, struct root_files *files, struct root_file *file) {
        uint32_t major, minor;
        uint64_t value = 0;

        /* Each at most once. */
        if (file->uid == ROOT_REAL && skip(line, "uid=") && number(line, 10, ROOT_REAL - 1, &value))
                file->uid = (uint32_t)value;
        else if (file->gid == ROOT_REAL && skip(line, "gid=") && number(line, 10, ROOT_REAL - 1, &value))
                file->gid = (uint32_t)value;
        else if (file->mode == ROOT_REAL && skip(line, "mode=") && number(line, 8, 07777, &value))
                file->mode = (uint32_t)value;
        else if (!file->type && skip(line, "char=") && pair(line, &major, &minor))
                root_file_set_device(files, file, S_IFCHR, major, minor);
        else if (!file->type && skip(line, "block=") && pair(line, &major, &minor))
                root_file_set_device(files, file, S_IFBLK, major, minor);
        else
                return false;
        return true;
}

static int read_file_line(struct line *line, struct root_files *files, struct root_file **ret) {
        struct root_file_key key = { 0 };
        size_t before = files->n;
        int r;

        if (!read_key(line, &key))
                return wrong(line, "not a device, an inode and a time of birth");
        r = root_files_get(files, &key, ret);
        if (r == -ENOSPC)
                return wrong(line, "too many files");
        if (r)
                return r;
        if (files->n == before)
                return wrong(line, "this inode was there before");
        while (line->at < line->end)
                if (!skip(line, " ") || !read_field(line, files, *ret))
                        return wrong(line, "not one of uid=, gid=, mode=, char=, block= with a number");
        return 0;
}

static int hex_digit(char c) {
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int hex_byte(struct line *line) {
        int high, low;

        if (line->end - line->at < 2)
                return -1;
        high = hex_digit(line->at[0]);
        low = hex_digit(line->at[1]);
        line->at += 2;
        return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool read_name(struct line *line, char name[ROOT_XATTR_NAME_MAX + 1]) {
        size_t n = 0;

        while (line->at < line->end && *line->at != ' ') {
                int c = (unsigned char)*line->at++;

                if (n >= ROOT_XATTR_NAME_MAX)
                        return false;
                if (c == '%')
                        c = hex_byte(line);
                if (c <= 0)
                        return false;
                name[n++] = (char)c;
        }
        name[n] = 0;
        return n > 0 && skip(line, " ");
}

/* Hexadecimal, to the end of the line. */
static int read_value(struct line *line, unsigned char value[ROOT_XATTR_SIZE_MAX], size_t *ret_n) {
        *ret_n = 0;
        while (line->at < line->end) {
                int c = hex_byte(line);

                if (c < 0 || *ret_n >= ROOT_XATTR_SIZE_MAX)
                        return wrong(line, c < 0 ? "not hexadecimal" : "value too long");
                value[(*ret_n)++] = (unsigned char)c;
        }
        return 0;
}

static int read_xattr_line(struct line *line, struct root_files *files, struct root_file *file) {
        char name[ROOT_XATTR_NAME_MAX + 1];
        unsigned char *value;
        size_t n = 0;
        int r = 0;

        if (!file)
                return wrong(line, "an attribute before the first file");
        if (!read_name(line, name))
                return wrong(line, "not a name of an extended attribute");
        if (root_file_xattr(file, name))
                return wrong(line, "this attribute was there before");
        if (line->at == line->end)
                return wrong(line, "no value; an empty one is written as -");
        value = malloc(ROOT_XATTR_SIZE_MAX);
        if (!value)
                return error_origin(-ENOMEM);
        if (!(line->end - line->at == 1 && skip(line, "-")))
                r = read_value(line, value, &n);
        if (!r)
                r = root_file_set_xattr(files, file, name, value, n);
        free(value);
        return r == -ENOSPC ? wrong(line, "too many attributes") : r;
}

static int read_end(struct line *line, const struct root_files *files, bool more) {
        uint64_t n;

        if (!number(line, 10, UINT32_MAX, &n) || line->at != line->end || n != files->n)
                return wrong(line, "the number of files is another");
        return more ? wrong(line, "something follows the end") : 0;
}

static int read_lines(struct root_files *files, const char *text, size_t n, unsigned *ret_line,
                      struct line *line) {
        const char *at = text, *end = text + n;
        struct root_file *file = NULL;

        for (*ret_line = 1;; (*ret_line)++) {
                const char *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
                int r = 0;

                line->at = at;
                line->end = newline ? newline : end;
                if (!newline)
                        return wrong(line, "the file is cut off here");
                at = newline + 1;
                if (*ret_line == 1) {
                        if (!skip(line, "callgate-root "))
                                return wrong(line, "not a state of pretended root");
                        if (!skip(line, "1") || line->at != line->end)
                                return wrong(line, "written by another version");
                } else if (skip(line, "file ")) {
                        r = read_file_line(line, files, &file);
                } else if (skip(line, "xattr ")) {
                        r = read_xattr_line(line, files, file);
                } else if (skip(line, "end ")) {
                        return read_end(line, files, at < end);
                } else {
                        return wrong(line, "neither file nor xattr nor end");
                }
                if (r)
                        return r;
        }
}

int root_files_read(struct root_files *files, const char *text, size_t n, unsigned *ret_line, char *error,
                    size_t n_error) {
        struct line line = { .error = error, .n_error = n_error };
        int r;

        *ret_line = 0;
        if (n == 0)
                return 0;
        r = read_lines(files, text, n, ret_line, &line);
        if (r)
                root_files_deinit(files);
        return r == -EINVAL ? r : error_trace(r);
}
