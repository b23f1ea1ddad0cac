/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of what can be carried out or pretended. A new family adds its rows here. */

#include "supervisor/emulate/emulate.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "policy/native/calls.h"
#include "supervisor/emulate/files.h"
#include "supervisor/emulate/net.h"
#include "supervisor/emulate/root.h"
#include "supervisor/emulate/system.h"
#include "supervisor/emulate/trees.h"
#include "supervisor/emulate/repeatable.h"
#include "supervisor/session.h"

/* Whatever a performer does, and nothing else. */
static const struct emulator no_rows[] = { { 0 } };
static const struct emulation identity = { .name = "identity", .rows = no_rows };

/* One a line, so that families can be added side by side. */
/* clang-format off */
const struct emulation *const emulations[] = {
        &emulate_addresses,
        &emulate_time,
        &emulation_hostname,
        &emulation_interfaces,
        &emulation_limits,
        &emulation_mount,
        &emulation_mount_allowed,
        &emulation_processors,
        &emulation_signals,
        &emulation_statfs,
        &emulation_sysinfo,
        &emulation_uname,
        &identity,
        &root_emulation,
        NULL,
};
const struct emulator *const performers[] = {
        perform_access,
        perform_attributes,
        perform_names,
        perform_net,
        perform_open,
        perform_readlink,
        perform_stat,
        perform_statfs,
        perform_watch,
        perform_write,
        perform_xattr,
        NULL,
};
/* clang-format on */

const struct emulation *emulation_by_name(const char *name) {
        for (const struct emulation *const *e = emulations; *e; e++)
                if (strcmp((*e)->name, name) == 0)
                        return *e;
        return NULL;
}

const struct emulator *performer_of(const char *call) {
        for (const struct emulator *const *rows = performers; *rows; rows++)
                for (const struct emulator *row = *rows; row->call; row++)
                        if (strcmp(row->call, call) == 0)
                                return row;
        return NULL;
}

void *emulation_state(struct call *call) {
        const struct policy_rule *rule = call->verdict.rule;

        return rule && rule->emulation ? session_emulation_state(call->session, rule->emulation->name, rule)
                                       : NULL;
}

void *emulation_state_of(struct call *call, const char *name) {
        return session_emulation_state(call->session, name, NULL);
}

/* What is done for a task is written down before: a successor must know whether it may be done again. */
static void perform_begin(struct call *call) {
        call->event.flags |= EVENT_PERFORMED;
        if (!call->slot)
                return;
        call->slot->flags = repeatable(call) ? JOURNAL_REPEATABLE : 0;
        journal_turn(call->slot, JOURNAL_PERFORMING);
}

int emulate_nothing(struct call *call) {
        if (call->multiplexed)
                return answer_errno(call, ENOSYS);
        /* Policies that ask for that are refused when they are read, so it is trouble of ours. */
        return call->verdict.judged ? error_origin(-EOPNOTSUPP) : answer_continue(call);
}

static int perform(struct call *call) {
        const struct emulator *performer = performer_of(call->name);

        if (performer) {
                perform_begin(call);
                return performer->run(call);
        }
        return emulate_nothing(call);
}

static int emulate_as(struct call *call, const struct policy_rule *rule) {
        const struct emulation *emulation = emulation_by_name(rule->emulation->name);

        if (!emulation)
                return perform(call);
        for (const struct emulator *row = emulation->rows; row->call; row++)
                if (strcmp(row->call, call->name) == 0) {
                        perform_begin(call);
                        return row->run(call);
                }
        return perform(call);
}

int emulate_call(struct call *call) {
        const struct policy_rule *rule = call->verdict.rule;

        switch (call->verdict.action) {
        case POLICY_ERRNO:
                return answer_errno(call, (int)call->verdict.value);
        case POLICY_RETURN:
                return answer_value(call, call->verdict.value);
        case POLICY_KILL:
                return answer_kill(call);
        case POLICY_REDIRECT:
        case POLICY_SUBSTITUTE:
                /* Going on would be the call as the program made it. Policies that ask for that are refused
                 * when they are read, so it is trouble of ours. */
                return performer_of(call->name) ? perform(call) : error_origin(-EOPNOTSUPP);
        case POLICY_EMULATE:
                return emulate_as(call, rule);
        case POLICY_ALLOW:
        case POLICY_LOG:
        case POLICY_DELAY:
        case POLICY_ASK:
                break;
        }
        return call->verdict.judged ? perform(call) : answer_continue(call);
}
