/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of all findings, sorted. They are for scripts and never change their meaning; docs/FINDINGS.md
 * says more about each. */

#include "policy/check.h"

#include <stdlib.h>
#include <string.h>

const struct finding findings[] = {
        { "always-notified", DIAG_WARNING, false, "expect calls in the report that the profile allows" },
        { "api-version", DIAG_WARNING, false, "write the apiVersion that the operator serves" },
        { "approximated", DIAG_WARNING, false, "accept the difference, or keep the profiles apart" },
        { "architecture-byte-order", DIAG_WARNING, false,
          "keep architectures of one byte order in one file" },
        { "architecture-missing", DIAG_WARNING, false, "add the architectures of the machines it is for" },
        { "architecture-unknown-calls", DIAG_WARNING, false,
          "use a libseccomp that knows the architecture, or leave it out" },
        { "base-profile", DIAG_WARNING, false, "look at the base profile as well: its rules are added" },
        { "condition-always", DIAG_WARNING, false, "correct the comparison or remove it" },
        { "condition-behind-socketcall", DIAG_INFO, false,
          "leave the 32-bit architecture out, or refuse the call there" },
        { "condition-meaning-differs", DIAG_WARNING, false, "give each call a rule of its own" },
        { "condition-never", DIAG_WARNING, false, "correct the comparison or remove the rule" },
        { "condition-on-pointer", DIAG_WARNING, false,
          "remove the condition; a filter cannot look behind an address" },
        { "condition-without-argument", DIAG_WARNING, false, "correct the index" },
        { "conflicting-rules", DIAG_ERROR, false, "remove one of the two rules" },
        { "dangerous-call", DIAG_WARNING, false, "refuse the call unless the program cannot do without" },
        { "deny-list", DIAG_INFO, false, "refuse by default and allow what a recording shows" },
        { "deny-list-dangerous", DIAG_WARNING, false, "refuse these calls as well" },
        { "duplicate-key", DIAG_WARNING, false, "remove all but one; the last one counts" },
        { "duplicate-name", DIAG_INFO, true, "remove the repetitions" },
        { "duplicate-rule", DIAG_INFO, true, "remove one of the two rules" },
        { "errno-breaks-fallback", DIAG_WARNING, true,
          "refuse these calls with SCMP_ACT_ERRNO and errnoRet 38 (ENOSYS)" },
        { "errno-breaks-time64", DIAG_WARNING, true,
          "allow these calls, or refuse them with errnoRet 38 (ENOSYS)" },
        { "errno-conflict", DIAG_WARNING, false, "keep one of the two fields" },
        { "errno-large", DIAG_WARNING, false, "give an errno of at most 4095" },
        { "errno-without-use", DIAG_WARNING, false, "remove the errno, or refuse with SCMP_ACT_ERRNO" },
        { "errno-zero", DIAG_WARNING, false, "give an errno; 0 makes the call look done" },
        { "field-case", DIAG_WARNING, false, "spell the field as the specification does" },
        { "filter-too-long", DIAG_ERROR, false, "use fewer conditions or architectures" },
        { "flag-tsync", DIAG_WARNING, false, "remove the flag: runtimes set it themselves" },
        { "flag-without-notify", DIAG_WARNING, false, "remove the flag" },
        { "flags-of-newer-runtimes", DIAG_INFO, false, "leave flags out where an older runtime is in use" },
        { "foreign-field", DIAG_WARNING, false,
          "remove the field, or write the file in the dialect that has it" },
        { "high-half-ignored", DIAG_WARNING, false,
          "compare by SCMP_CMP_MASKED_EQ with the mask 4294967295, or list what is allowed" },
        { "index-missing", DIAG_WARNING, false, "write the index" },
        { "invalid", DIAG_ERROR, false, "write a value that is possible there" },
        { "io-uring-bypasses", DIAG_WARNING, false, "refuse io_uring_setup with ENOSYS" },
        { "kernel-for-podman", DIAG_WARNING, false, "remove minKernel where podman is used: it ignores it" },
        { "kernel-patch-level", DIAG_WARNING, false, "write the first two numbers only" },
        { "kill-default", DIAG_INFO, false,
          "use SCMP_ACT_ERRNO or SCMP_ACT_LOG while the profile is being tried" },
        { "kill-thread", DIAG_INFO, false, "use SCMP_ACT_KILL_PROCESS, or SCMP_ACT_ERRNO" },
        { "left-allowed", DIAG_WARNING, false,
          "look at these calls by another way, such as callgate dry-run" },
        { "left-out", DIAG_WARNING, false, "put it back before the profile is enforced" },
        { "library-call-missing", DIAG_INFO, false, "allow the calls of the C library in use" },
        { "libseccomp-may-differ", DIAG_INFO, false, "try the profile under the runtime as well" },
        { "libseccomp-shape", DIAG_WARNING, false, "try the result under the runtime as well" },
        { "listener-differs", DIAG_ERROR, false, "give the profiles the same listener" },
        { "listener-not-absolute", DIAG_WARNING, false, "write the path from /" },
        { "listener-without-notify", DIAG_INFO, false,
          "add rules with SCMP_ACT_NOTIFY, or remove the listener" },
        { "log-default", DIAG_INFO, false, "use SCMP_ACT_ERRNO once the profile is complete" },
        { "lost-architecture", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-architectures", DIAG_WARNING, false, "say with --arch which one is meant" },
        { "lost-ask", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-base-profile", DIAG_WARNING, false, "merge the two profiles first" },
        { "lost-capabilities", DIAG_WARNING, false, "say with --cap which ones are meant" },
        { "lost-comments", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-conditions", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-default-errno", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-default-notify", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-disabled", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-errno-zero", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-flags", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-kernels", DIAG_WARNING, false, "say with --kernel which one is meant" },
        { "lost-kill-thread", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-large-value", DIAG_WARNING, false,
          "choose another dialect, or accept the loss with --lossy" },
        { "lost-listener", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-loading", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-no-filter", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-refusals", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "lost-trap", DIAG_WARNING, false, "choose another dialect, or accept the loss with --lossy" },
        { "masked-bits-outside", DIAG_WARNING, false,
          "for SCMP_CMP_MASKED_EQ value is the mask and valueTwo what must remain" },
        { "masked-for-equal", DIAG_WARNING, false, "write SCMP_CMP_EQ" },
        { "metadata-without-listener", DIAG_WARNING, true, "remove listenerMetadata, or set listenerPath" },
        { "name-of-other-architecture", DIAG_INFO, false,
          "list the architecture that has the call, or leave it" },
        { "never-applies", DIAG_WARNING, false, "correct includes or excludes" },
        { "no-filter", DIAG_WARNING, false, "add defaultAction and rules, or remove the file" },
        { "not-expressible", DIAG_ERROR, false, "choose another dialect, or accept the loss" },
        { "nothing-allowed", DIAG_WARNING, false, "add rules with SCMP_ACT_ALLOW" },
        { "nothing-refused", DIAG_INFO, false, "add rules that refuse something, or leave the profile out" },
        { "notify-default", DIAG_WARNING, false, "name the calls to notify in rules" },
        { "notify-without-listener", DIAG_WARNING, false, "set listenerPath" },
        { "notify-write", DIAG_WARNING, false, "leave write out of the rule" },
        { "overlapping-rules", DIAG_WARNING, false, "make the conditions exclude each other" },
        { "policy-advisory", DIAG_WARNING, false,
          "use \"binds\" or \"overlays\", or refuse by what registers say" },
        { "policy-advisory-needless", DIAG_INFO, false, "remove \"advisory\"" },
        { "policy-ask", DIAG_WARNING, false, "answer for the call, whatever path it shows, or use binds" },
        { "policy-authority", DIAG_INFO, false, "remove the word from \"authority\"" },
        { "policy-file", DIAG_WARNING, false, "create the file, or correct its name" },
        { "policy-large", DIAG_INFO, false, "use families and patterns instead of single calls and paths" },
        { "policy-never", DIAG_WARNING, false, "give these calls a rule of their own, or leave them out" },
        { "policy-pointer", DIAG_WARNING, false, "remove the condition, or compare with 0" },
        { "policy-siblings", DIAG_WARNING, false, "write a family instead of single calls" },
        { "policy-siblings-left", DIAG_INFO, false, "write the wider family if that is not meant" },
        { "policy-unreachable", DIAG_WARNING, false, "move the rule up, or narrow those above it" },
        { "policy-variable", DIAG_WARNING, false, "correct its name, or leave it out" },
        { "pretend-default", DIAG_WARNING, false, "give defaultErrnoRet" },
        { "profile-disabled", DIAG_WARNING, false, "enable it where it shall be in force" },
        { "redundant-rule", DIAG_INFO, true, "remove the name from one of the rules" },
        { "repeated-argument", DIAG_WARNING, false, "write one rule per alternative" },
        { "resource-without-name", DIAG_WARNING, false, "give metadata.name" },
        { "risky-call", DIAG_INFO, false, "allow it only to programs known to want it" },
        { "rule-equals-default", DIAG_INFO, true, "remove the rule" },
        { "rule-null", DIAG_WARNING, false, "remove it" },
        { "rule-refused", DIAG_ERROR, false, "write the rule so that libseccomp takes it" },
        { "rule-without-names", DIAG_WARNING, true, "name calls, or remove the rule" },
        { "runtime-call-missing", DIAG_WARNING, false, "allow what the runtime calls itself" },
        { "runtime-may-need", DIAG_INFO, false,
          "allow what the runtime in use calls itself; --runtime says which it is" },
        { "several-documents", DIAG_WARNING, false, "keep one profile per file" },
        { "shadowed-rule", DIAG_WARNING, false, "remove one of the two rules" },
        { "sibling-allowed", DIAG_WARNING, false, "treat calls that do the same alike" },
        { "start-call-missing", DIAG_WARNING, false, "allow these calls" },
        { "sub-architecture-missing", DIAG_WARNING, false, "list the sub-architectures as well" },
        { "successor-missing", DIAG_INFO, false, "allow the newer calls as well" },
        { "successor-needed", DIAG_WARNING, false, "allow the calls that this architecture has" },
        { "syntax", DIAG_ERROR, false, "correct the text at that place" },
        { "too-complex", DIAG_ERROR, false, "use fewer conditions per call" },
        { "trace-default", DIAG_INFO, false, "use SCMP_ACT_ERRNO, or SCMP_ACT_LOG to only watch" },
        { "unknown-architecture", DIAG_WARNING, false, "correct the name" },
        { "unknown-capability", DIAG_WARNING, false, "correct the name" },
        { "unknown-field", DIAG_WARNING, false, "correct or remove the field" },
        { "unknown-syscall", DIAG_WARNING, false, "correct the name; runtimes ignore it as it is" },
        { "value-missing", DIAG_WARNING, false, "write the value" },
        { "value-narrowed", DIAG_INFO, false, "give 32-bit architectures a rule of their own" },
        { "value-two-without-use", DIAG_WARNING, false, "remove valueTwo, or use SCMP_CMP_MASKED_EQ" },
        { "x32-missing", DIAG_INFO, false, "list SCMP_ARCH_X32 if there is a program of that kind" },
        { "yaml-leading-zero", DIAG_WARNING, false, "write the number without leading zeros, or in quotes" },
        { "yaml-profile", DIAG_WARNING, false, "write it as JSON for runtimes, which do not read YAML" },
};
const size_t findings_n = sizeof(findings) / sizeof(findings[0]);

static int compare(const void *key, const void *row) {
        return strcmp(key, ((const struct finding *)row)->id);
}

const struct finding *finding_by_id(const char *id) {
        return bsearch(id, findings, findings_n, sizeof(findings[0]), compare);
}

const char *finding_id(const struct diag *diag) {
        if (diag->id)
                return diag->id;
        return diag->line ? "syntax" : "invalid";
}

unsigned finding_line(const struct profile *profile, const char *place) {
        size_t longest = 0;
        unsigned line = 0;

        for (size_t i = 0; place && i < profile->n_rules; i++) {
                const char *rule = profile->rules[i].place;
                size_t n = rule ? strlen(rule) : 0;

                if (n > longest && !strncmp(rule, place, n) && (!place[n] || place[n] == '.')) {
                        longest = n;
                        line = profile->rules[i].line;
                }
        }
        return line;
}
