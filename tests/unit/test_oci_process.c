/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <unistd.h>

#include "supervisor/service/oci_process.h"
#include "tests/fakes/fake_kernel.h"

#define STRANGER 61234u

static const char filtered[] =
        "Name:\tx\nTgid:\t20\nUid:\t61234\t61234\t61234\t61234\nSeccomp:\t2\nSeccomp_filters:\t1\n";
static const char free_one[] = "Name:\tSeccomp:\t2\nTgid:\t21\nUid:\t0\t0\t0\t0\nSeccomp:\t0\n";
static const char thread[] = "Name:\tx\nTgid:\t20\nUid:\t61234\t61234\t61234\t61234\nSeccomp:\t2\n";

Test(oci_process, what_a_message_says_and_what_it_may_say) {
        struct fake_kernel fake;
        static const struct {
                uint32_t peer, uid, named, expected;
        } rows[] = {
                { 10, 0, 21, 21 },       { 10, STRANGER, 20, 20 }, { 10, STRANGER, 21, 0 },
                { 10, STRANGER, 22, 0 }, { 10, STRANGER, 99, 0 },  { 10, 0, 0, 20 },
                { 10, STRANGER, 0, 20 }, { 11, 0, 0, 0 }, /* two of them */
                { 12, 0, 0, 0 },                          /* no child has a filter */
                { 13, 0, 0, 0 },                          /* gone */
                { 0, 0, 0, 0 },
        };
        static const struct fake_proc procs[] = {
                { 10, "task/10/children", "21 20 " }, { 11, "task/11/children", "20 22 " },
                { 12, "task/12/children", "21 " },    { 20, "status", filtered },
                { 21, "status", free_one },           { 22, "status", thread },
        };

        fake_kernel_init(&fake);
        fake.status = NULL;
        for (size_t i = 0; i < sizeof(procs) / sizeof(procs[0]); i++)
                fake.procs[fake.n_procs++] = procs[i];
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                cr_expect_eq(oci_process(&fake.kernel, rows[i].peer, rows[i].uid, rows[i].named),
                             rows[i].expected, "row %zu", i);
        cr_expect_eq(oci_process(&fake.kernel, 10, geteuid(), 21), 21, "our own user");
        fake_kernel_deinit(&fake);
}
