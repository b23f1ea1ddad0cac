/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The words of emulators. What must stay true: nothing read of a task is believed before its id was
 * confirmed after the read, and an answer is filled at most once.
 */

#include "supervisor/call.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/journal.h"
#include "syscalls/names.h"

#define PAGE 4096u /* the smallest page there is: a read never crosses into one that may be missing */

static int answer_with(struct call *call, enum answer_kind kind, int64_t value) {
        assert(call->answer.kind == ANSWER_NONE);
        call->answer = (struct answer){ .kind = kind, .value = value, .fd = -1, .fd_at = -1 };
        return 0;
}

int answer_continue(struct call *call) {
        return answer_with(call, ANSWER_CONTINUE, 0);
}

int answer_errno(struct call *call, int error) {
        return answer_with(call, ANSWER_ERRNO, error);
}

int answer_value(struct call *call, int64_t value) {
        return answer_with(call, ANSWER_VALUE, value);
}

int answer_kill(struct call *call) {
        return answer_with(call, ANSWER_KILL, EPERM);
}

int answer_fd(struct call *call, int fd, bool cloexec) {
        answer_with(call, ANSWER_FD, 0);
        call->answer.fd = fd;
        call->answer.cloexec = cloexec;
        return 0;
}

int answer_fd_at(struct call *call, int fd, int fd_at, bool cloexec) {
        answer_with(call, ANSWER_FD_AT, 0);
        call->answer.fd = fd;
        call->answer.fd_at = fd_at;
        call->answer.cloexec = cloexec;
        return 0;
}

int answer_result(struct call *call, long result) {
        return result < 0 ? answer_errno(call, errno) : answer_value(call, result);
}

/* ---- memory ---- */

int target_confirm(struct call *call) {
        int r = call->kernel->confirm(call->kernel->data, call->listener_fd, call->notif.id);

        return r == 0 ? 0 : r == -ENOENT ? CALL_E_GONE : error_origin(r);
}

/* What a failed access of the task's memory means. */
static int access_error(struct call *call, long r) {
        int confirmed;

        if (r == -ESRCH)
                return CALL_E_GONE;
        if (r != -EFAULT && r != -EIO && r != -EPERM)
                return error_origin((int)r);
        /* A task that is gone may look like one with a hole in its memory. */
        confirmed = target_confirm(call);
        if (confirmed)
                return confirmed;
        return r == -EPERM ? error_origin(-EPERM) : CALL_E_FAULT;
}

/* As much as is mapped, page by page: process_vm_readv tells no more than that a range is not whole. */
static long read_memory(struct call *call, uint64_t address, void *buffer, size_t n) {
        size_t done = 0;

        while (done < n) {
                size_t room = PAGE - (size_t)((address + done) % PAGE), piece = n - done;
                long got;

                if (piece > room && done == 0 && n <= PAGE) {
                        /* Most of what is small and crosses a page is mapped on both sides. */
                        got = call->kernel->read_memory(call->kernel->data, call->tid, address, buffer, n);
                        if (got == (long)n)
                                return got;
                }
                if (piece > room)
                        piece = room;
                got = call->kernel->read_memory(call->kernel->data, call->tid, address + done,
                                                (char *)buffer + done, piece);
                if (got <= 0)
                        return done > 0 && got == -EFAULT ? (long)done : got;
                done += (size_t)got;
                if ((size_t)got < piece)
                        break;
        }
        return (long)done;
}

int target_read_some(struct call *call, uint64_t address, void *buffer, size_t n, size_t *ret_n) {
        long got = read_memory(call, address, buffer, n);
        int r;

        if (got <= 0)
                return access_error(call, got == 0 ? -EFAULT : got);
        r = target_confirm(call);
        if (r)
                return r;
        *ret_n = (size_t)got;
        call->read_memory = true;
        return 0;
}

int target_read(struct call *call, uint64_t address, void *buffer, size_t n) {
        size_t got = 0;
        int r;

        if (n == 0)
                return 0;
        r = target_read_some(call, address, buffer, n, &got);
        return r ? r : got < n ? CALL_E_FAULT : 0;
}

int target_write(struct call *call, uint64_t address, const void *buffer, size_t n) {
        size_t done = 0;
        int r;

        if (n == 0)
                return 0;
        r = target_confirm(call);
        if (r)
                return r;
        while (done < n) {
                long put = call->kernel->write_memory(call->kernel->data, call->tid, address + done,
                                                      (const char *)buffer + done, n - done);

                if (put <= 0)
                        return access_error(call, put == 0 ? -EFAULT : put);
                done += (size_t)put;
        }
        return 0;
}

int target_string(struct call *call, uint64_t address, char *buffer, size_t size) {
        size_t done = 0;

        /* Most are short: 256 bytes first, then page by page. */
        while (done < size) {
                size_t room = PAGE - (size_t)((address + done) % PAGE), n = done == 0 ? 256 : PAGE, got;
                int r;

                if (n > room)
                        n = room;
                if (n > size - done)
                        n = size - done;
                r = target_read_some(call, address + done, buffer + done, n, &got);
                if (r)
                        return r;
                if (memchr(buffer + done, 0, got))
                        return 0;
                done += got;
        }
        return -ENAMETOOLONG;
}

int target_error(struct call *call, int r) {
        if (r == CALL_E_FAULT)
                return answer_errno(call, EFAULT);
        if (r == -ENAMETOOLONG)
                return answer_errno(call, ENAMETOOLONG);
        return r;
}

void call_sent(struct call *call, uint64_t n) {
        if (call->slot)
                call->slot->sent = n;
}

bool call_is_32bit(const struct call *call) {
        return call->arch && call->arch->bits == 32 && call->arch->audit != ARCH_X32;
}

void call_init(struct call *call, struct session *session, const struct kernel *kernel, int listener_fd) {
        memset(call, 0, offsetof(struct call, event));
        call->session = session;
        call->kernel = kernel;
        call->listener_fd = listener_fd;
        /* Texts of the event are ended, not cleared: that would cost more than the rest. */
        memset(&call->event, 0, offsetof(struct event, exe) + 1);
        call->event.detail[0] = call->event.object[0] = call->event.rule[0] = 0;
        call->event.object_offset = 0;
        memset(&call->row, 0, offsetof(struct call, program) - offsetof(struct call, row));
        call->program[0] = 0;
        call->answer.fd = call->answer.fd_at = -1;
        call->view = (struct view)VIEW_INIT;
        call->paths[0] = call->paths[1] = (struct resolved)RESOLVED_INIT;
}

void call_move(struct call *to, struct call *from) {
        *to = *from;
        if (from->facts.address)
                to->facts.address = (const struct sockaddr *)&to->address;
        if (from->facts.program == from->program)
                to->facts.program = to->program;
        from->answer.fd = -1;
        from->n_paths = 0;
        from->paths[0] = from->paths[1] = (struct resolved)RESOLVED_INIT;
        from->view = (struct view)VIEW_INIT;
}

void call_deinit(struct call *call) {
        call->answer.fd = fd_close(call->answer.fd);
        for (size_t i = 0; i < call->n_paths; i++)
                resolved_deinit(&call->paths[i]);
        call->n_paths = 0;
        view_deinit(&call->view);
}
