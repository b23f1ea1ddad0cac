/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Calls of which everything is known, as question_of() takes them. */

#include <linux/audit.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "supervisor/call.h"
#include "supervisor/question.h"
#include "tests/unit/native_fixture.h"

#define ALL_KNOWN                                                                                           \
        (1u << POLICY_FACT_PATHS | 1u << POLICY_FACT_ADDRESS | 1u << POLICY_FACT_MEMORY_ARGS |              \
         1u << POLICY_FACT_PROGRAM)

struct asked {
        const char *name, *program, *paths[2];
        uint64_t args[6];
        const struct sockaddr *address;
        size_t n_address;
        uint64_t how_flags; /* of openat2 */
        uint32_t audit;     /* 0: x86-64 */
};

static inline struct call *asked_call(const struct asked *asked, const struct policy_rule *rule) {
        struct call *call = calloc(1, sizeof(*call));

        call->arch = arch_by_audit(asked->audit ? asked->audit : AUDIT_ARCH_X86_64);
        call->name = asked->name;
        call->tid = 7;
        call->verdict.rule = rule;
        strcpy(call->event.comm, "sh");
        strcpy(call->event.detail, "\"detail\"");
        memcpy(call->args, asked->args, sizeof(call->args));
        call->facts.known = ALL_KNOWN;
        call->facts.arch = call->arch;
        call->facts.call = call->name;
        memcpy(call->facts.args, asked->args, sizeof(call->facts.args));
        call->facts.program = asked->program;
        for (size_t i = 0; i < 2 && asked->paths[i]; i++)
                call->facts.paths[call->facts.n_paths++] = asked->paths[i];
        call->facts.address = asked->address;
        call->facts.n_address = asked->n_address;
        if (strcmp(asked->name, "openat2") == 0) {
                call->facts.memory_args[0] = (struct policy_memory_arg){ "flags", asked->how_flags };
                call->facts.memory_args[1] = (struct policy_memory_arg){ "mode", 0 };
                call->facts.memory_args[2] = (struct policy_memory_arg){ "resolve", 0 };
                call->facts.n_memory_args = 3;
        }
        return call;
}
