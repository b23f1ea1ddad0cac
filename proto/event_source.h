/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Where events come from: one session of a service, known in a file by its number. A file that holds events
 * of several sessions has one record of each before its first event.
 */

#include <stdint.h>

#include "callgate/wire.h"
#include "proto/codec.h"
#include "proto/labels.h"

#define EVENT_SOURCE_LABEL_MAX  1024  /* bytes of a value; a longer one is left out */
#define EVENT_SOURCE_LABELS_MAX 16384 /* bytes of all names and values of a source */

struct event_source {
        uint64_t number; /* of the session; never 0 */
        uint32_t uid;    /* who handed it over; UINT32_MAX: unknown */
        enum wire_mode mode;
        char *profile; /* owned; NULL: none */
        struct labels labels;
};

void event_source_deinit(struct event_source *source);
/* What is lacking is NULL or "". */
const char *event_source_label(const struct event_source *source, const char *name);

/* "dry-run", "record", "enforce", "policy". */
const char *event_source_mode(enum wire_mode mode);

/*
 * Is a label for files of events? Annotations of containers are not (annotation.NAME): a container may have
 * hundreds of kilobytes of them, and they would be in every file again.
 */
bool event_source_keeps(const struct label *label);

/* Only labels that are kept, as many as fit. */
void event_source_put(struct codec_writer *writer, const struct event_source *source);
/* Failure shows in reader->error; -ENOMEM or 0. What was read is to be deinitialized either way. */
int event_source_get(struct codec_reader *reader, struct event_source *ret);
