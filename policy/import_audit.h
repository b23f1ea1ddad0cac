/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Seccomp records of the kernel and of auditd (type 1326, SECCOMP), in whatever a person finds them in:
 * dmesg, syslog, the journal (text and JSON), audit.log raw, enriched or interpreted, JSON lines of log
 * collectors. Such a record has no arguments; the errno of a refused call is lost, its action is not.
 */

#include "policy/import.h"

/* One line, without its end. 0, or the sink's error or -ENOMEM. */
int import_audit_line(struct import *import, const char *line, size_t n);
/* All lines of fd. source is for messages. */
int import_audit(struct import *import, int fd, const char *source);

/* ---- for the two readers of lines ---- */

#define AUDIT_TEXT_MAX    512
#define AUDIT_RECORDS_MAX 64 /* looked at in one line; a person may have pasted several */

enum audit_outcome {
        AUDIT_RECORD,
        AUDIT_E_OTHER, /* nothing about seccomp */
        AUDIT_E_PART,  /* a seccomp record of which something is missing or wrong */
};

/* Texts of one record, as they stand in it; borrowed, n = 0 where absent. */
struct audit_text {
        const char *bytes;
        size_t n;
};
struct audit_fields {
        struct audit_text arch, syscall, code, pid, uid, comm, exe, ip, compat;
        struct audit_text enriched_arch, enriched_syscall;
        uint64_t time_ns; /* 0: unknown */
        bool interpreted; /* words instead of numbers, and no hexadecimal names (ausearch -i) */
        bool said;        /* it calls itself a seccomp record */
};

/* Why it is no record; text holds until the next call of the same thread. */
struct audit_problem {
        char text[120];
};

enum audit_outcome audit_fields_event(const struct audit_fields *fields, struct event *ret,
                                      struct audit_problem *ret_problem);
/* One record in text; ret_n: how much of the text was looked at, behind which another may follow. */
enum audit_outcome audit_record(const char *text, size_t n, struct event *ret,
                                struct audit_problem *ret_problem, size_t *ret_n);
/* A line of JSON: gives every record in it to the import. AUDIT_RECORD when there was one, or -errno. */
int audit_json(struct import *import, const char *text, size_t n, struct audit_problem *ret_problem);
