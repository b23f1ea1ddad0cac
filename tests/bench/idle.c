/* SPDX-License-Identifier: Apache-2.0 */

/* Memory of an idle listener on the supervisor's side: sessions made, none of them ever called. The filter
 * belongs to the session's own profile and is counted apart. */

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "supervisor/kernel.h"
#include "supervisor/session.h"

#define N 1000

/* Pages of ours that are there, in bytes; journals are mapped and not on the heap. */
static size_t resident(void) {
        unsigned long size, pages = 0;
        FILE *file = fopen("/proc/self/statm", "re");

        if (file && fscanf(file, "%lu %lu", &size, &pages) != 2)
                pages = 0;
        if (file)
                fclose(file);
        return pages * (size_t)sysconf(_SC_PAGESIZE);
}

int main(void) {
        struct kernel kernel;
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "" };
        struct session *sessions[N];
        struct mallinfo2 before, after;
        size_t resident_before;

        if (kernel_linux(&kernel) != 0)
                return 1;
        before = mallinfo2();
        resident_before = resident();
        for (int i = 0; i < N; i++)
                if (session_new(&kernel, open("/dev/null", O_RDONLY | O_CLOEXEC), -1, &options,
                                &sessions[i]) != 0)
                        return 1;
        after = mallinfo2();
        printf("for each of %d idle sessions: %zu bytes of heap, %zu bytes resident in all, its journal "
               "included\n",
               N, (after.uordblks - before.uordblks) / N, (resident() - resident_before) / N);
        for (int i = 0; i < N; i++)
                session_free(sessions[i]);
        return 0;
}
