/* SPDX-License-Identifier: Apache-2.0 */

/* An event file of a stranger, read to its end; every event goes through the printers, the report's merging
 * keys and the learner, which must take whatever the reader lets through. */

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/report.h"
#include "policy/learn.h"
#include "proto/event_file.h"
#include "proto/event_json.h"
#include "proto/event_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size) {
        int fd = memfd_create("events", MFD_CLOEXEC);

        if (fd < 0 || (size > 0 && fd_write_all(fd, data, size) < 0) || lseek(fd, 0, SEEK_SET) < 0)
                abort();
        return fd;
}

static void on_source(void *data, const struct event_source *source, const struct ledger *ledger) {
        struct buf text = BUF_INIT(0);

        (void)data;
        event_source_json(&text, source, ledger);
        if (buf_error(&text))
                abort();
        buf_deinit(&text);
}

static void use(struct learn *learn, struct report *report, const struct event *event,
                const struct event_source *source) {
        struct buf text = BUF_INIT(0);

        event_text(&text, event);
        for (size_t i = 0; i < text.n; i++)
                if ((unsigned char)text.data[i] < 0x20 || text.data[i] == 0x7f)
                        abort();
        buf_reset(&text);
        event_json_of(&text, event, NULL, source);
        if (buf_error(&text) || learn_add(learn, event) < 0 || report_add(report, event) < 0)
                abort();
        buf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct learn_options learn_options = { .args = true };
        struct report_options report_options = { .width = 80 };
        struct buf text = BUF_INIT(0);
        struct profile *profile;
        struct event_file *file;
        struct report *report;
        struct learn *learn;
        struct event event;
        int r;

        r = event_file_open(file_of(data, size), &file);
        if (r < 0)
                abort();
        if (r > 0)
                return 0;
        if (learn_new(&learn_options, &learn) < 0 || report_new(&report_options, &report) < 0)
                abort();
        event_file_watch(file, on_source, NULL);
        while ((r = event_file_next(file, &event)) == EVENT_FILE_OK)
                use(learn, report, &event, event_file_source(file, event.source));
        if (r < 0 || event_file_offset(file) > size)
                abort();
        if (r == EVENT_FILE_E_END && (!event_file_ledger(file) || event_file_offset(file) != size))
                abort();
        if (learn_profile(learn, &profile) != 0)
                abort();
        profile_free(profile);
        if (report_print(report, &text) != 0)
                abort();
        buf_deinit(&text);
        learn_free(learn);
        report_free(report);
        event_file_close(file);
        return 0;
}
