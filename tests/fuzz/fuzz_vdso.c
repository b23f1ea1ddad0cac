/* SPDX-License-Identifier: Apache-2.0 */

/* The vDSO of a task: what is to be changed lies within the image and does not overlap, whatever it says. */

#include <stdint.h>
#include <stdlib.h>

#include "supervisor/emulate/vdso.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct vdso_patches patches;

        if (size > VDSO_SIZE_MAX || vdso_patches(data, size, &patches) != 0)
                return 0;
        if (patches.n == 0 || patches.n > VDSO_PATCHES_MAX)
                abort();
        for (size_t i = 0; i < patches.n; i++) {
                const struct vdso_patch *a = &patches.items[i];

                if (a->n == 0 || a->n > VDSO_STUB_MAX || a->offset > size || a->n > size - a->offset)
                        abort();
                for (size_t k = 0; k < i; k++)
                        if (a->offset < patches.items[k].offset + patches.items[k].n &&
                            patches.items[k].offset < a->offset + a->n)
                                abort();
        }
        return 0;
}
