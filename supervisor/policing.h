/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The policy of one session at work: which one is in force, what its emulations remember, and the way of one
 * call from its facts to its answer. A reload puts a new policy in force at once; calls on their way keep
 * the one they began with, so old ones stay until the session ends.
 */

#include "base/diag.h"
#include "policy/native/policy.h"
#include "supervisor/ask.h"
#include "supervisor/call.h"

struct policing;

/* Eats policy. 0; POLICY_E_INVALID with a sentence in error: an emulation cannot start as its options ask;
 * -errno. asks may be NULL: then nobody is there to be asked. */
int policing_new(struct policy *policy, struct asks *asks, struct policing **ret, char *error,
                 size_t n_error);
/* The same, to be put in force by policing_become(old): what emulations of old remember is not opened twice,
 * since one session at a time may have it. */
int policing_new_beside(struct policing *old, struct policy *policy, struct policing **ret, char *error,
                        size_t n_error);
struct policing *policing_free(struct policing *policing);

/* Saves what emulations are to remember beyond the session: emulation.keep. 0, or -errno of the first that
 * failed, with its sentence. */
int policing_keep(struct policing *policing, char *error, size_t n_error);

/* Puts another policy in force. Eats policy, also on failure, which leaves the old one in force. */
int policing_replace(struct policing *policing, struct policy *policy, char *error, size_t n_error);

/* Puts the policy of another in force, with what its emulations have opened, and frees that one; on failure
 * the old one stays in force. 0 or -errno. */
int policing_become(struct policing *policing, struct policing *next);

/*
 * Matches and carries out. 0 with the answer filled and call->event.rule, CALL_E_SLOW (before anything was
 * done; the next time on a worker), CALL_E_GONE, or -errno. base is what the base profile says about the
 * call (SECCOMP_RET_*).
 */
int policing_run(struct policing *policing, struct call *call, uint32_t base);

/* After policing_run() returned -errno r: the answer that `on-error` asks for; a want of memory or
 * descriptors of ours is said as what it is (ENOMEM, ENFILE). */
void policing_answer_error(struct policing *policing, struct call *call, int r);

/* What a session is labelled with: "name=value", for `where: labels`. Copied. */
int policing_add_label(struct policing *policing, const char *label);

/* State of an emulation, for supervisor/emulate/emulate.h. */
void *policing_state(struct policing *policing, const char *name, const struct policy_rule *rule);

/* The policy in force as canonical JSON; it stays as long as policing. */
const char *policing_source(struct policing *policing);
/* Label number i: false when there are no more. */
bool policing_label(const struct policing *policing, size_t i, const char **ret_name,
                    const char **ret_value);
