/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>

#include "supervisor/tasks.h"
#include "tests/fakes/fake_kernel.h"

static struct fake_kernel fake;
static struct tasks tasks;

static void setup(void) {
        fake_kernel_init(&fake);
        tasks_init(&tasks, &fake.kernel, true);
}

static void teardown(void) {
        tasks_deinit(&tasks);
        fake_kernel_deinit(&fake);
}

TestSuite(tasks, .init = setup, .fini = teardown);

#define NOW 5000000000u

Test(tasks, a_name_is_kept_until_it_may_have_changed) {
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW)->comm, "nginx");
        fake.comm = "other\n";
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW + 1)->comm, "nginx");
        cr_assert_eq(fake.n_comm_reads, 1);

        tasks_renamed(&tasks);
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW + 2)->comm, "other");
        fake.comm = "third\n";
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW + 2 + TASKS_FRESH_NS)->comm, "third",
                         "the pid may be reused");
}

Test(tasks, where_execve_goes_unseen_names_serve_one_call_only) {
        tasks.may_cache = false;
        tasks_find(&tasks, 7, NOW);
        tasks_find_whole(&tasks, 7, NOW);
        cr_assert_eq(fake.n_comm_reads, 1, "the same call");
        tasks_find(&tasks, 7, NOW + 1);
        cr_assert_eq(fake.n_comm_reads, 2);
}

Test(tasks, tids_that_share_a_slot_do_not_share_a_name) {
        tasks_find(&tasks, 7, NOW);
        fake.comm = "other\n";
        cr_assert_str_eq(tasks_find(&tasks, 7 + TASKS_SLOTS, NOW)->comm, "other");
        fake.comm = "again\n";
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW)->comm, "again");
}

Test(tasks, a_task_that_is_gone_has_no_name_and_is_asked_again) {
        fake.comm = NULL;
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW)->comm, "?");
        fake.comm = "back\n";
        cr_assert_str_eq(tasks_find(&tasks, 7, NOW + 1)->comm, "back");
}

Test(tasks, the_whole_task) {
        const struct task *task = tasks_find_whole(&tasks, 812, NOW);

        cr_assert_eq(task->pid, 812);
        cr_assert_eq(task->uid, 33);
        cr_assert_eq(tasks_alive(&tasks), 1);
        tasks_find(&tasks, 813, NOW); /* a thread: its Tgid is 812 */
        cr_assert_eq(tasks_alive(&tasks), 1);
        fake.status = NULL;
        cr_assert_eq(tasks_alive(&tasks), 0);
}
