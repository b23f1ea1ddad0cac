/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of strangers as YAML: read, converted to every dialect, written and read again, with nothing
 * changed by the way back; as lines for systemd, and as a dry run. */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/convert.h"
#include "policy/read.h"
#include "policy/resolve.h"
#include "policy/write_systemd.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libseccomp 2.5 loses nodes of its own when it prunes a tree of conditions. */
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

/* Written, read, written: the two texts are the same. */
static void goes_round(const struct profile *profile, bool json) {
        struct profile_read_options options = { .dialect_set = true,
                                                .dialect = profile->dialect,
                                                .json = json || profile->dialect != DIALECT_SPO };
        cleanup_profile struct profile *again = NULL;
        struct buf one = BUF_INIT(0), two = BUF_INIT(0);
        struct diags diags = DIAGS_INIT;

        if (profile_write(profile, json, &one) ||
            profile_read_as(one.data, one.n, &options, &diags, &again) || profile_write(again, json, &two) ||
            one.n != two.n || memcmp(one.data, two.data, one.n))
                abort();
        buf_deinit(&one);
        buf_deinit(&two);
        diags_deinit(&diags);
}

static void convert_all(const struct profile *profile, const struct profile_context *context) {
        for (int to = DIALECT_OCI; to <= DIALECT_SPO; to++) {
                struct convert_options options = { .to = (enum profile_dialect)to, .context = context };
                cleanup_profile struct profile *made = NULL;
                struct diags losses = DIAGS_INIT;

                if (profile_convert(profile, &options, &losses, &made))
                        abort();
                goes_round(made, true);
                if (to == DIALECT_SPO)
                        goes_round(made, false);
                diags_deinit(&losses);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct profile_context context = { .arch = arch_by_scmp("SCMP_ARCH_X86_64"),
                                           .caps = UINT64_C(0xa80425fb),
                                           .kernel_major = 6 };
        struct profile_read_options options = { .yaml = true };
        cleanup_profile struct profile *profile = NULL, *flat = NULL;
        struct diags diags = DIAGS_INIT;

        if (!profile_read_as((const char *)data, size, &options, &diags, &profile)) {
                convert_all(profile, &context);
                if (!profile_resolve(profile, &context, &diags, &flat)) {
                        struct buf text = BUF_INIT(0);

                        if (profile_write_systemd(flat, &diags, &text))
                                abort();
                        buf_deinit(&text);
                }
        } else if (!diags.n_errors) {
                abort();
        }
        diags_deinit(&diags);
        return 0;
}
