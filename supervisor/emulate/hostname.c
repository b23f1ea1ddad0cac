/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sethostname and setdomainname remembered for the session. One pair of names for the whole session,
 * whatever UTS namespaces its tasks are in: a program that sets the name expects all of its parts to see it.
 */

#include "supervisor/emulate/hostname.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "supervisor/emulate/system.h"
#include "supervisor/emulate/uname.h"

#define NAME_MAX_LEN (sizeof(((struct utsname *)NULL)->nodename) - 1) /* __NEW_UTS_LEN */

enum { NODENAME, DOMAINNAME, N_NAMES };

struct hostname {
        pthread_mutex_t lock;
        bool set[N_NAMES];
        char names[N_NAMES][NAME_MAX_LEN + 1];
};

static int hostname_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        struct hostname *hostname = calloc(1, sizeof(*hostname));

        if (!hostname)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&hostname->lock, NULL);
        *ret_state = hostname;
        return 0;
}

static void hostname_close(void *state) {
        struct hostname *hostname = state;

        pthread_mutex_destroy(&hostname->lock);
        free(hostname);
}

void hostname_show(struct call *call, struct utsname *name) {
        struct hostname *hostname = emulation_state_of(call, "hostname");

        if (!hostname)
                return;
        pthread_mutex_lock(&hostname->lock);
        if (hostname->set[NODENAME])
                memcpy(name->nodename, hostname->names[NODENAME], sizeof(name->nodename));
        if (hostname->set[DOMAINNAME])
                memcpy(name->domainname, hostname->names[DOMAINNAME], sizeof(name->domainname));
        pthread_mutex_unlock(&hostname->lock);
}

static int remember(struct call *call, unsigned which) {
        struct hostname *hostname = emulation_state(call);
        int32_t n = (int32_t)call->args[1];
        char name[NAME_MAX_LEN + 1] = "";
        int r;

        if (n < 0 || (size_t)n > NAME_MAX_LEN)
                return answer_errno(call, EINVAL);
        r = target_read(call, call->args[0], name, (size_t)n);
        if (r)
                return target_error(call, r);
        pthread_mutex_lock(&hostname->lock);
        memcpy(hostname->names[which], name, sizeof(name));
        hostname->set[which] = true;
        pthread_mutex_unlock(&hostname->lock);
        return answer_errno(call, 0);
}

static int emulate_sethostname(struct call *call) {
        return remember(call, NODENAME);
}

static int emulate_setdomainname(struct call *call) {
        return remember(call, DOMAINNAME);
}

static const struct emulator hostname_rows[] = {
        { "sethostname", emulate_sethostname },
        { "setdomainname", emulate_setdomainname },
        { "uname", uname_answer },
        { "olduname", uname_answer },
        { "oldolduname", uname_answer },
        { 0 },
};

const struct emulation emulation_hostname = {
        .name = "hostname",
        .rows = hostname_rows,
        .open = hostname_open,
        .close = hostname_close,
};
