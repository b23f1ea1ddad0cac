/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime sends as listenerMetadata, and what /proc says of control groups. */

#include "supervisor/service/cgroup.h"
#include "supervisor/service/config.h"
#include "supervisor/service/config_metadata.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

/* Without a rule, metadata never gets more than its two modes. */
static void assign(const char *text) {
        static struct config *config; /* its profile folder holds nothing */
        struct labels labels = LABELS_INIT;
        struct diags diags = DIAGS_INIT;
        struct assignment assignment;

        if (!config && config_read("profiles: /proc/self/fdinfo", 27, &diags, &config))
                abort();
        if (!config_assign(config, &labels, 0, text, &assignment)) {
                if ((assignment.mode != WIRE_MODE_DRY_RUN && assignment.mode != WIRE_MODE_RECORD) ||
                    assignment.policy || assignment.refused)
                        abort();
                assignment_deinit(&assignment);
        }
        diags_deinit(&diags);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct cgroup_names names;
        struct labels labels = LABELS_INIT;
        char *text = malloc(size + 1);

        if (!text)
                return 0;
        memcpy(text, data, size);
        text[size] = '\0';
        cgroup_parse((const char *)data, size, &names);
        config_metadata_read(text, &labels);
        labels_deinit(&labels);
        assign(text);
        free(text);
        return 0;
}
