/* SPDX-License-Identifier: Apache-2.0 */

/*
 * struct msghdr, its vectors and its control data, in the layouts of 64-bit and 32-bit tasks. Everything is
 * read once; lengths are those of the copy.
 */

#include "supervisor/emulate/net_message.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/error.h"

#define BYTES_MAX     0x7ffff000u   /* MAX_RW_COUNT: more is cut */
#define CONTROL_MAX   (256u * 1024) /* the kernel's own limit, net.core.optmem_max, is lower */
#define RIGHTS_MAX    253           /* SCM_MAX_FD */
#define COMPAT_HEADER 28u

/* linux/compat.h */
struct compat_msghdr {
        uint32_t name;
        int32_t n_name;
        uint32_t vectors, n_vectors, control, n_control, flags;
};
struct compat_vector {
        uint32_t base, n;
};
struct compat_control {
        uint32_t n;
        int32_t level, type;
};
_Static_assert(sizeof(struct compat_msghdr) == COMPAT_HEADER, "struct compat_msghdr");
_Static_assert(sizeof(struct compat_control) == 12, "struct compat_cmsghdr");

static int answer_with(struct call *call, int error) {
        answer_errno(call, error);
        return NET_E_ANSWERED;
}

/* ---- vectors ---- */

void message_deinit(struct message *message) {
        free(message->parts);
        message->parts = NULL;
}

size_t message_header_size(const struct call *call) {
        return net_is_compat(call) ? COMPAT_HEADER : sizeof(struct msghdr);
}

int message_plain(uint64_t address, uint64_t n, struct message *ret) {
        *ret = (struct message){ .n = n < BYTES_MAX ? n : BYTES_MAX };
        ret->parts = malloc(sizeof(*ret->parts));
        if (!ret->parts)
                return error_origin(-ENOMEM);
        ret->parts[0] = (struct message_part){ address, ret->n };
        ret->n_parts = 1;
        return 0;
}

static int read_vectors(struct call *call, uint64_t address, size_t n, struct message *ret) {
        bool compat = net_is_compat(call);
        size_t size = compat ? sizeof(struct compat_vector) : sizeof(struct iovec);
        char *bytes = malloc(n * size + 1);
        int r;

        ret->parts = calloc(n + 1, sizeof(*ret->parts));
        if (!ret->parts || !bytes) {
                free(bytes);
                return error_origin(-ENOMEM);
        }
        r = target_read(call, address, bytes, n * size);
        for (size_t i = 0; !r && i < n; i++) {
                struct message_part *part = &ret->parts[i];
                struct compat_vector narrow;
                struct iovec wide;

                if (compat) {
                        memcpy(&narrow, bytes + i * size, size);
                        *part = (struct message_part){ narrow.base, narrow.n };
                } else {
                        memcpy(&wide, bytes + i * size, size);
                        *part = (struct message_part){ (uintptr_t)wide.iov_base, wide.iov_len };
                }
                if (compat ? (int32_t)narrow.n < 0 : (int64_t)wide.iov_len < 0) {
                        free(bytes);
                        return answer_with(call, EINVAL);
                }
                if (part->n > BYTES_MAX - ret->n)
                        part->n = BYTES_MAX - ret->n;
                ret->n += part->n;
        }
        ret->n_parts = n;
        free(bytes);
        return r;
}

int message_read(struct call *call, uint64_t header, struct message *ret) {
        uint64_t vectors, n_vectors;
        int r;

        *ret = (struct message){ 0 };
        if (net_is_compat(call)) {
                struct compat_msghdr narrow;

                r = target_read(call, header, &narrow, sizeof(narrow));
                if (r)
                        return r;
                if (narrow.name && narrow.n_name < 0)
                        return answer_with(call, EINVAL);
                vectors = narrow.vectors;
                n_vectors = narrow.n_vectors;
                ret->control_address = narrow.control;
                ret->n_control = narrow.n_control;
        } else {
                struct msghdr wide;

                r = target_read(call, header, &wide, sizeof(wide));
                if (r)
                        return r;
                if (wide.msg_name && (int)wide.msg_namelen < 0)
                        return answer_with(call, EINVAL);
                vectors = (uintptr_t)wide.msg_iov;
                n_vectors = wide.msg_iovlen;
                ret->control_address = (uintptr_t)wide.msg_control;
                ret->n_control = wide.msg_controllen;
        }
        if (n_vectors > MESSAGE_VECTORS_MAX)
                return answer_with(call, EMSGSIZE);
        return read_vectors(call, vectors, (size_t)n_vectors, ret);
}

int message_gather(struct call *call, const struct message *message, uint64_t from, char *buffer, size_t n) {
        for (size_t i = 0; i < message->n_parts && n > 0; i++) {
                const struct message_part *part = &message->parts[i];
                size_t piece;
                int r;

                if (from >= part->n) {
                        from -= part->n;
                        continue;
                }
                piece = part->n - from < n ? (size_t)(part->n - from) : n;
                r = target_read(call, part->address + from, buffer, piece);
                if (r)
                        return r;
                buffer += piece;
                n -= piece;
                from = 0;
        }
        return 0;
}

/* ---- control data ---- */

void control_deinit(struct control *control) {
        for (size_t i = 0; i < control->n_fds; i++)
                fd_close(control->fds[i]);
        free(control->fds);
        free(control->bytes);
        *control = (struct control){ 0 };
}

/* Room for a piece of n bytes; its data. */
static void *control_put(struct control *control, int level, int type, size_t n) {
        struct cmsghdr *header;
        size_t wanted = control->n + CMSG_SPACE(n);

        if (wanted > control->size) {
                size_t size = wanted * 2;
                char *grown = realloc(control->bytes, size);

                if (!grown)
                        return NULL;
                control->bytes = grown;
                control->size = size;
        }
        header = (struct cmsghdr *)(control->bytes + control->n);
        memset(header, 0, CMSG_SPACE(n));
        header->cmsg_level = level;
        header->cmsg_type = type;
        header->cmsg_len = CMSG_LEN(n);
        control->n = wanted;
        return CMSG_DATA(header);
}

static int put_rights(struct call *call, struct control *control, const char *data, size_t n) {
        size_t n_new = n / sizeof(int);
        int *fds, *numbers;

        if (control->n_fds + n_new > RIGHTS_MAX)
                return answer_with(call, EINVAL);
        if (!control->fds)
                control->fds = calloc(RIGHTS_MAX, sizeof(*control->fds));
        fds = control->fds ? control_put(control, SOL_SOCKET, SCM_RIGHTS, n_new * sizeof(int)) : NULL;
        if (!fds)
                return error_origin(-ENOMEM);
        numbers = fds;
        for (size_t i = 0; i < n_new; i++) {
                int number, fd, error, r;

                memcpy(&number, data + i * sizeof(int), sizeof(int));
                r = view_take_fd(call, number, &fd, &error);
                if (r)
                        return r;
                if (fd < 0)
                        return answer_with(call, error);
                control->fds[control->n_fds++] = fd;
                memcpy(&numbers[i], &fd, sizeof(fd));
        }
        return 0;
}

/* Real, effective and saved ids of a line of /proc/TID/status. */
static int read_ids(struct call *call, const char *key, uint32_t ids[3]) {
        char line[128];
        int r = view_status(call, key, line, sizeof(line));

        if (r)
                return r;
        return sscanf(line, "%u %u %u", &ids[0], &ids[1], &ids[2]) == 3 ? 0 : error_origin(-EPROTO);
}

static bool is_one_of(uint32_t id, const uint32_t ids[3]) {
        return id == ids[0] || id == ids[1] || id == ids[2];
}

/* The number by which the task knows its own process. */
static int own_number(struct call *call, int *ret) {
        char line[256], *last;
        int r = view_status(call, "NStgid", line, sizeof(line));

        if (r)
                return r;
        last = strrchr(line, '\t');
        *ret = atoi(last ? last + 1 : line);
        return 0;
}

static int put_credentials(struct call *call, struct control *control, const char *data, size_t n) {
        uint32_t uids[3], gids[3];
        struct ucred credentials, *own;
        int number, r;

        if (n != sizeof(credentials))
                return answer_with(call, EINVAL);
        memcpy(&credentials, data, sizeof(credentials));
        r = own_number(call, &number);
        if (!r)
                r = read_ids(call, "Uid", uids);
        if (!r)
                r = read_ids(call, "Gid", gids);
        if (!r)
                r = target_confirm(call);
        if (r)
                return r;
        /* Of others nothing is claimed for a task: what it may say of them hangs on capabilities in
         * namespaces that need not be ours. */
        if (credentials.pid != number || !is_one_of(credentials.uid, uids) ||
            !is_one_of(credentials.gid, gids))
                return answer_with(call, EPERM);
        own = control_put(control, SOL_SOCKET, SCM_CREDENTIALS, sizeof(*own));
        if (!own)
                return error_origin(-ENOMEM);
        credentials.pid = (pid_t)view_tgid(call);
        memcpy(own, &credentials, sizeof(credentials));
        control->has_credentials = true;
        return 0;
}

int control_add_credentials(struct call *call, struct control *control) {
        uint32_t uids[3], gids[3];
        struct ucred credentials, *own;
        int r = control->has_credentials ? 0 : read_ids(call, "Uid", uids);

        if (r || control->has_credentials)
                return r;
        r = read_ids(call, "Gid", gids);
        if (r)
                return r;
        own = control_put(control, SOL_SOCKET, SCM_CREDENTIALS, sizeof(*own));
        if (!own)
                return error_origin(-ENOMEM);
        credentials = (struct ucred){ (pid_t)view_tgid(call), uids[0], gids[0] };
        memcpy(own, &credentials, sizeof(credentials));
        return credentials.pid == 0 ? CALL_E_GONE : 0;
}

static int put_piece(struct call *call, struct control *control, int level, int type, const char *data,
                     size_t n) {
        void *own;

        if (level == SOL_SOCKET && type == SCM_RIGHTS)
                return put_rights(call, control, data, n);
        if (level == SOL_SOCKET && type == SCM_CREDENTIALS)
                return put_credentials(call, control, data, n);
        own = control_put(control, level, type, n);
        if (!own)
                return error_origin(-ENOMEM);
        memcpy(own, data, n);
        return 0;
}

/* One header of n_left bytes at bytes: false where it is none (CMSG_OK). */
static bool take_header(const struct call *call, const char *bytes, size_t n_left, size_t *ret_header,
                        size_t *ret_n, int *ret_level, int *ret_type) {
        if (net_is_compat(call)) {
                struct compat_control narrow;

                memcpy(&narrow, bytes, sizeof(narrow));
                *ret_header = sizeof(narrow);
                *ret_n = narrow.n;
                *ret_level = narrow.level;
                *ret_type = narrow.type;
        } else {
                struct cmsghdr wide;

                memcpy(&wide, bytes, sizeof(wide));
                *ret_header = sizeof(wide);
                *ret_n = wide.cmsg_len;
                *ret_level = wide.cmsg_level;
                *ret_type = wide.cmsg_type;
        }
        return *ret_n >= *ret_header && *ret_n <= n_left;
}

int control_read(struct call *call, const struct message *message, struct control *ret) {
        size_t n = (size_t)message->n_control, at = 0, align = net_is_compat(call) ? 4 : sizeof(long);
        size_t minimum = net_is_compat(call) ? sizeof(struct compat_control) : sizeof(struct cmsghdr);
        char *bytes;
        int r = 0;

        *ret = (struct control){ 0 };
        /* Less than a header is no control data; the kernel looks at the length alone. */
        if (message->n_control < minimum)
                return 0;
        if (message->n_control > CONTROL_MAX) {
                struct compat_control first;

                /* Of 32-bit tasks the kernel takes the memory after a first walk. */
                r = net_is_compat(call) ? target_read(call, message->control_address, &first, minimum) : 0;
                return r ? r : answer_with(call, ENOBUFS);
        }
        bytes = malloc(n);
        if (!bytes)
                return error_origin(-ENOMEM);
        r = target_read(call, message->control_address, bytes, n);
        while (!r && at + minimum <= n) {
                size_t header, n_piece;
                int level, type;

                if (!take_header(call, bytes + at, n - at, &header, &n_piece, &level, &type))
                        r = answer_with(call, EINVAL);
                else
                        r = put_piece(call, ret, level, type, bytes + at + header, n_piece - header);
                at += (n_piece + align - 1) & ~(align - 1);
        }
        free(bytes);
        return r;
}
