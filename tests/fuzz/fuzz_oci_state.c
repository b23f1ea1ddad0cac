/* SPDX-License-Identifier: Apache-2.0 */

/* What a runtime sends: read whole, and scanned in pieces, which must find the same end. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/service/oci_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int scan(const char *bytes, size_t n, size_t piece, struct oci_scanner *scanner) {
        size_t at = 0, used;

        *scanner = (struct oci_scanner){ 0 };
        while (at < n && !scanner->closed) {
                size_t left = n - at < piece ? n - at : piece;

                if (oci_scanner_feed(scanner, bytes + at, left, &used) != 0)
                        return OCI_STATE_E_INVALID;
                at += used;
        }
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        const char *bytes = (const char *)data;
        struct oci_scanner whole, pieces;
        struct oci_state state;
        char problem[256];
        int r_whole = scan(bytes, size, SIZE_MAX, &whole), r_pieces = scan(bytes, size, 7, &pieces);
        int r = oci_state_read(bytes, size, &state, problem, sizeof(problem));

        if (r_whole != r_pieces || (r_whole == 0 && (whole.n != pieces.n || whole.closed != pieces.closed)))
                abort();
        if (r == 0 && (!whole.closed || !state.id || state.listener >= state.n_fds))
                abort();
        if (r == OCI_STATE_E_INVALID && (problem[0] == 0 || state.id))
                abort();
        if (r == 0)
                oci_state_deinit(&state);
        return 0;
}
