/* SPDX-License-Identifier: Apache-2.0 */

/* Chunks that wait: the bound, what the next process finds, and files that are none. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/service/forward_buffer.h"

static char folder[64], path[80];

static void setup(void) {
        strcpy(folder, "/tmp/callgate-buffer.XXXXXX");
        cr_assert(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/b", folder);
}

static void teardown(void) {
        char command[200];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(forward_buffer, .init = setup, .fini = teardown);

static void open_buffer(struct forward_buffer *buffer, uint64_t limit) {
        cr_assert_eq(forward_buffer_init(buffer, path, limit), 0);
        cr_assert_eq(forward_buffer_open(buffer), 0, "%s", buffer->problem);
}

static struct forward_chunk *chunk_of(const char *text, uint32_t n_records) {
        struct buf entries = BUF_INIT(0);
        struct forward_chunk *chunk;

        buf_puts(&entries, text);
        cr_assert_eq(forward_chunk_new(&entries, n_records, &chunk), 0);
        return chunk;
}

static void add(struct forward_buffer *buffer, const char *text) {
        forward_buffer_add(buffer, chunk_of(text, (uint32_t)strlen(text)));
}

/* Takes out what is to be sent next. */
static void expect_next(struct forward_buffer *buffer, const char *text) {
        struct forward_chunk *chunk = forward_buffer_next(buffer);

        cr_assert(chunk, "%s is not there", text);
        cr_assert_eq(forward_buffer_load(buffer, chunk), 0);
        cr_assert_eq(chunk->payload->n, strlen(text));
        cr_expect_arr_eq(chunk->payload->buf.data + chunk->payload->from, text, strlen(text));
        cr_expect_eq(chunk->n_records, strlen(text));
        forward_buffer_done(buffer, chunk);
}

static size_t count(const char *suffix) {
        DIR *directory = opendir(path);
        const struct dirent *entry;
        size_t n = 0;

        cr_assert(directory);
        while ((entry = readdir(directory)))
                n += strlen(entry->d_name) > strlen(suffix) &&
                     strcmp(entry->d_name + strlen(entry->d_name) - strlen(suffix), suffix) == 0;
        closedir(directory);
        return n;
}

/* The path of the only file with this suffix. */
static const char *only(const char *suffix) {
        static char found[400];
        DIR *directory = opendir(path);
        const struct dirent *entry;

        cr_assert_eq(count(suffix), 1);
        while ((entry = readdir(directory)))
                if (strlen(entry->d_name) > strlen(suffix) && strstr(entry->d_name, suffix))
                        snprintf(found, sizeof(found), "%s/%s", path, entry->d_name);
        closedir(directory);
        return found;
}

static void write_file(const char *name, const char *text) {
        int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, text, strlen(text)), 0);
        fd_close(fd);
}

Test(forward_buffer, without_a_folder_chunks_are_in_memory) {
        struct forward_buffer buffer;

        cr_assert_eq(forward_buffer_init(&buffer, NULL, 1u << 20), 0);
        cr_expect(forward_buffer_is_open(&buffer));
        add(&buffer, "first");
        add(&buffer, "second");
        cr_expect_eq(buffer.n_records, 11);
        expect_next(&buffer, "first");
        expect_next(&buffer, "second");
        cr_expect_null(forward_buffer_next(&buffer));
        cr_expect_eq(buffer.bytes, 0);
        cr_expect_eq(buffer.n_records, 0);
        forward_buffer_deinit(&buffer);
}

/* The process is gone without a word: nothing is closed, nothing deinitialized. */
Test(forward_buffer, the_next_process_finds_what_was_left) {
        struct forward_buffer first, second;
        char id[FORWARD_ID_SIZE];
        struct stat st;

        open_buffer(&first, 1u << 20);
        cr_assert_eq(stat(path, &st), 0);
        cr_expect_eq(st.st_mode & 07777, 0700);
        add(&first, "one");
        memcpy(id, first.first->id, sizeof(id));
        add(&first, "three");
        cr_expect_eq(count(".chunk"), 2);
        cr_expect_null(first.first->payload, "on disk only");
        fd_close(first.lock_fd);
        first.lock_fd = -1;

        open_buffer(&second, 1u << 20);
        cr_expect_eq(second.n_records, 8);
        cr_expect_eq(second.n_adopted, 8);
        cr_expect_geq(second.bytes, 2 * FORWARD_BLOCK);
        add(&second, "later");
        cr_assert_eq(forward_buffer_load(&second, second.first), 0);
        cr_expect_str_eq(second.first->id, id, "a chunk keeps its id");
        expect_next(&second, "one");
        expect_next(&second, "three");
        expect_next(&second, "later");
        cr_expect_eq(count(".chunk"), 0);
        forward_buffer_deinit(&first);
        forward_buffer_deinit(&second);
}

Test(forward_buffer, a_folder_has_one_user_and_the_next_one_waits) {
        struct forward_buffer first, second;

        open_buffer(&first, 1u << 20);
        add(&first, "old");
        cr_assert_eq(forward_buffer_init(&second, path, 1u << 20), 0);
        cr_expect_eq(forward_buffer_open(&second), FORWARD_BUFFER_E_BUSY);
        cr_expect_not(forward_buffer_is_open(&second));
        add(&second, "new");
        cr_expect_eq(count(".chunk"), 1);
        forward_buffer_deinit(&first);
        cr_expect_eq(forward_buffer_open(&second), 0);
        cr_expect_eq(count(".chunk"), 2);
        expect_next(&second, "old");
        expect_next(&second, "new");
        forward_buffer_deinit(&second);
}

Test(forward_buffer, there_is_a_bound) {
        struct forward_buffer buffer;
        unsigned n = 0;

        open_buffer(&buffer, 10 * FORWARD_BLOCK);
        while (forward_buffer_has_room(&buffer, 100)) {
                add(&buffer, "x");
                n++;
        }
        cr_expect_eq(n, 10);
        cr_expect_leq(buffer.bytes, 10 * FORWARD_BLOCK);
        expect_next(&buffer, "x");
        cr_expect(forward_buffer_has_room(&buffer, 100));
        cr_expect_not(forward_buffer_has_room(&buffer, 2 * FORWARD_BLOCK));
        forward_buffer_deinit(&buffer);
}

static const struct {
        const char *what, *contents;
} broken[] = {
        { "empty", "" },
        { "not msgpack", "\xc1\xc1\xc1" },
        { "another msgpack", "\x93\x01\x02\x03" },
        { "cut", "\x96\xae"
                 "callgate-chunk\x01\xb8" },
};

Test(forward_buffer, broken_files_are_set_aside) {
        for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
                struct forward_buffer buffer;

                open_buffer(&buffer, 1u << 20);
                add(&buffer, "four");
                write_file(only(".chunk"), broken[i].contents);
                add(&buffer, "good");
                cr_expect_eq(forward_buffer_load(&buffer, forward_buffer_next(&buffer)),
                             FORWARD_BUFFER_E_BROKEN, "%s", broken[i].what);
                cr_expect_eq(buffer.n_broken, 1);
                cr_expect_eq(buffer.n_broken_records, 4);
                expect_next(&buffer, "good");
                cr_expect_null(forward_buffer_next(&buffer));
                cr_expect_eq(buffer.bytes, 0);
                cr_expect_eq(count(".broken"), i + 1);
                forward_buffer_deinit(&buffer);
        }
}

/* Something that is no file at all, or nothing. */
Test(forward_buffer, what_is_not_a_file_is_not_waited_for) {
        struct forward_buffer buffer;
        char name[400];

        open_buffer(&buffer, 1u << 20);
        add(&buffer, "fifo");
        strcpy(name, only(".chunk"));
        unlink(name);
        cr_assert_eq(mkfifo(name, 0600), 0);
        cr_expect_eq(forward_buffer_load(&buffer, forward_buffer_next(&buffer)), FORWARD_BUFFER_E_BROKEN);
        add(&buffer, "gone");
        unlink(only(".chunk"));
        cr_expect_eq(forward_buffer_load(&buffer, forward_buffer_next(&buffer)), FORWARD_BUFFER_E_BROKEN);
        cr_expect_eq(buffer.n_broken_records, 8);
        cr_expect_null(forward_buffer_next(&buffer));
        forward_buffer_deinit(&buffer);
}

Test(forward_buffer, files_set_aside_are_bounded) {
        struct forward_buffer buffer;

        open_buffer(&buffer, 1u << 20);
        for (size_t i = 0; i < FORWARD_BROKEN_MAX + 5; i++) {
                add(&buffer, "x");
                write_file(only(".chunk"), "");
                cr_expect_eq(forward_buffer_load(&buffer, forward_buffer_next(&buffer)),
                             FORWARD_BUFFER_E_BROKEN);
        }
        cr_expect_eq(buffer.n_broken, FORWARD_BROKEN_MAX + 5);
        cr_expect_eq(count(".broken"), FORWARD_BROKEN_MAX);
        cr_expect_eq(count(".chunk"), 0);
        forward_buffer_deinit(&buffer);
}

static const char *const strange_names[] = {
        "x.chunk",
        "0-1.chunk",
        "0000000000000001-0.chunk",
        "0000000000000001-1.chunk.bak",
        "0000000000000001-1.CHUNK",
        "000000000000000A-1.chunk",
        "0000000000000001-99999999999.chunk",
        "0000000000000001--1.chunk",
};

Test(forward_buffer, files_of_others_stay_where_they_are) {
        struct forward_buffer buffer;
        char name[200];

        cr_assert_eq(mkdir(path, 0777), 0);
        for (size_t i = 0; i < sizeof(strange_names) / sizeof(strange_names[0]); i++) {
                snprintf(name, sizeof(name), "%s/%s", path, strange_names[i]);
                write_file(name, "x");
        }
        open_buffer(&buffer, 1u << 20);
        cr_expect_null(forward_buffer_next(&buffer));
        for (size_t i = 0; i < sizeof(strange_names) / sizeof(strange_names[0]); i++) {
                snprintf(name, sizeof(name), "%s/%s", path, strange_names[i]);
                cr_expect_eq(access(name, F_OK), 0, "%s", name);
        }
        forward_buffer_deinit(&buffer);
}

Test(forward_buffer, one_chunk_that_nobody_takes_holds_up_no_other) {
        struct forward_buffer buffer;
        unsigned n = 0;

        open_buffer(&buffer, 1u << 20);
        add(&buffer, "bad");
        add(&buffer, "good");
        while (forward_buffer_next(&buffer) == buffer.first && n < 100) {
                buffer.first->attempts++;
                n++;
        }
        cr_expect_leq(n, 10);
        expect_next(&buffer, "good");
        expect_next(&buffer, "bad");
        forward_buffer_deinit(&buffer);
}

/* A disk that takes nothing: chunks wait in memory and go to disk when it does. */
Test(forward_buffer, what_the_disk_does_not_take_stays_in_memory) {
        struct forward_buffer buffer;
        char blocked[120];

        open_buffer(&buffer, 1u << 20);
        snprintf(blocked, sizeof(blocked), "%s/.new", path);
        cr_assert_eq(mkdir(blocked, 0700), 0);
        add(&buffer, "memory");
        cr_expect_eq(count(".chunk"), 0);
        cr_expect(buffer.problem[0]);
        cr_expect_eq(forward_buffer_keep(&buffer), 6);
        cr_assert_eq(rmdir(blocked), 0);
        add(&buffer, "disk");
        cr_expect_eq(count(".chunk"), 2);
        cr_expect_str_eq(buffer.problem, "");
        cr_expect_eq(forward_buffer_keep(&buffer), 0);
        expect_next(&buffer, "memory");
        expect_next(&buffer, "disk");
        forward_buffer_deinit(&buffer);
}

Test(forward_buffer, a_folder_that_cannot_be_used_is_told) {
        struct forward_buffer buffer;

        write_file(path, "a file");
        cr_assert_eq(forward_buffer_init(&buffer, path, 1u << 20), 0);
        cr_expect_lt(forward_buffer_open(&buffer), 0);
        cr_expect(buffer.problem[0]);
        add(&buffer, "kept");
        expect_next(&buffer, "kept");
        forward_buffer_deinit(&buffer);
}
