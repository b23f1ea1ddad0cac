/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of strangers as a configuration of the service, and what comes out asked about a session. */

#include "supervisor/service/config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static void ask(const struct config *config, const char *metadata) {
        struct labels labels = LABELS_INIT;
        struct assignment assignment;

        labels_set(&labels, "pod", "web-1");
        labels_set(&labels, "namespace", "prod");
        if (!config_assign(config, &labels, 1000, metadata, &assignment)) {
                if (!assignment.refused && !assignment.mode)
                        abort();
                assignment_deinit(&assignment);
        }
        labels_deinit(&labels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct config *config = NULL;
        struct diags diags = DIAGS_INIT;
        int r = config_read((const char *)data, size, &diags, &config);

        if ((r == 0) != (config != NULL) || (r == CONFIG_E_INVALID) != (diags.n_errors > 0))
                abort();
        if (config) {
                ask(config, NULL);
                ask(config, "{\"mode\": \"enforce\", \"profile\": \"web\", \"team\": \"blue\"}");
        }
        config_free(config);
        diags_deinit(&diags);
        return 0;
}
