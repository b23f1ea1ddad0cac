/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of an idle listener on the supervisor's side: sessions made, none of them ever called. The filter
 * belongs to the session's own profile and is counted apart. */

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "supervisor/kernel.h"
#include "supervisor/session.h"

#define N 1000

int main(void) {
        struct kernel kernel;
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "" };
        struct session *sessions[N];
        struct mallinfo2 before, after;

        if (kernel_linux(&kernel) != 0)
                return 1;
        before = mallinfo2();
        for (int i = 0; i < N; i++)
                if (session_new(&kernel, open("/dev/null", O_RDONLY | O_CLOEXEC), -1, &options,
                                &sessions[i]) != 0)
                        return 1;
        after = mallinfo2();
        printf("%zu bytes for each of %d idle sessions (heap, all bookkeeping)\n",
               (after.uordblks - before.uordblks) / N, N);
        for (int i = 0; i < N; i++)
                session_free(sessions[i]);
        return 0;
}
