/* SPDX-License-Identifier: Apache-2.0 */

/* Rows for what drops and keeps what, and the kernel itself as referee over random sequences of calls. */

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "supervisor/emulate/root_identity.h"

#define LAST 40
#define ALL  ((1ull << (LAST + 1)) - 1)

Test(root_identity, starts_as_root) {
        struct identity root = identity_root(LAST);

        for (unsigned i = 0; i < IDENTITY_N_IDS; i++) {
                cr_assert_eq(root.uid[i], 0);
                cr_assert_eq(root.gid[i], 0);
        }
        cr_assert_eq(root.effective, ALL);
        cr_assert_eq(root.permitted, ALL);
        cr_assert_eq(root.bounding, ALL);
        cr_assert_eq(root.inheritable, 0);
        cr_assert_eq(root.n_groups, 1);
        cr_assert_eq(root.groups[0], 0);
        cr_assert_eq(identity_root(63).effective, UINT64_MAX);
        cr_assert(identity_in_group(&root, 0));
        cr_assert(!identity_in_group(&root, 1));
}

Test(root_identity, same_and_hash) {
        struct identity a = identity_root(LAST), b = identity_root(LAST);
        uint32_t one[] = { 0 }, other[] = { 5 };

        b.groups = one;
        cr_assert(identity_same(&a, &b));
        cr_assert_eq(identity_hash(&a), identity_hash(&b));
        b.groups = other;
        cr_assert(!identity_same(&a, &b));
        b.groups = one;
        b.ambient = 1;
        cr_assert(!identity_same(&a, &b));
}

Test(root_identity, dropping_is_final) {
        struct identity id = identity_root(LAST);

        cr_assert_eq(identity_setgid(&id, 33), 0);
        cr_assert_eq(identity_setuid(&id, 33), 0);
        cr_assert_eq(id.effective, 0);
        cr_assert_eq(id.permitted, 0);
        cr_assert_eq(id.bounding, ALL);
        cr_assert_eq(identity_setuid(&id, 0), EPERM);
        cr_assert_eq(identity_setgid(&id, 0), EPERM);
        cr_assert_eq(identity_setuid(&id, NO_ID), EINVAL);
        cr_assert_eq(identity_setgroups(&id, NULL, 0), EPERM);
        cr_assert_eq(id.uid[ID_FS], 33);
}

Test(root_identity, effective_user_comes_back) {
        struct identity id = identity_root(LAST);

        cr_assert_eq(identity_setresuid(&id, NO_ID, 33, NO_ID), 0);
        cr_assert_eq(id.effective, 0);
        cr_assert_eq(id.permitted, ALL);
        cr_assert_eq(identity_setreuid(&id, NO_ID, 44), EPERM);
        cr_assert_eq(identity_setresuid(&id, NO_ID, 0, NO_ID), 0);
        cr_assert_eq(id.effective, ALL);
}

Test(root_identity, capabilities_kept_on_request_until_execve) {
        struct identity id = identity_root(LAST);
        int64_t value;

        cr_assert_eq(identity_prctl(&id, (uint64_t[5]){ PR_SET_KEEPCAPS, 1 }, ALL, &value), 0);
        cr_assert_eq(identity_setuid(&id, 33), 0);
        cr_assert_eq(id.permitted, ALL);
        cr_assert_eq(id.effective, 0);
        cr_assert_eq(identity_capset(&id, 0, ALL, 1ull << IDENTITY_CHOWN), 0);
        cr_assert(identity_may(&id, IDENTITY_CHOWN));
        identity_exec(&id);
        cr_assert_eq(id.permitted, 0);
        cr_assert_eq(id.effective, 0);
        cr_assert_eq(id.securebits, 0);
}

Test(root_identity, execve_is_once_as_good_as_often) {
        struct identity id = identity_root(LAST), before;

        cr_assert_eq(identity_setresuid(&id, 0, 33, 44), 0);
        identity_exec(&id);
        cr_assert_eq(id.uid[ID_SAVED], 33);
        before = id;
        identity_exec(&id);
        cr_assert(identity_same(&before, &id));
}

Test(root_identity, groups_are_sorted_and_checked) {
        struct identity id = identity_root(LAST);
        uint32_t groups[] = { 30, 4, 7 }, bad[] = { NO_ID };

        cr_assert_eq(identity_setgroups(&id, bad, 1), EINVAL);
        cr_assert_eq(identity_setgroups(&id, groups, IDENTITY_GROUPS_MAX + 1), EINVAL);
        cr_assert_eq(identity_setgroups(&id, groups, 3), 0);
        cr_assert_eq(id.groups[0], 4);
        cr_assert_eq(id.groups[2], 30);
        cr_assert(identity_in_group(&id, 7));
        cr_assert(identity_in_group(&id, 0));
}

Test(root_identity, other_prctls_are_not_ours) {
        struct identity id = identity_root(LAST);
        int64_t value;

        cr_assert_eq(identity_prctl(&id, (uint64_t[5]){ PR_SET_NAME, 1 }, ALL, &value), -1);
        cr_assert_eq(identity_prctl(&id, (uint64_t[5]){ PR_CAPBSET_READ, LAST + 1 }, ALL, &value), EINVAL);
        cr_assert_eq(identity_prctl(&id, (uint64_t[5]){ PR_CAPBSET_READ, 1ull << 40 }, ALL, &value), EINVAL);
        cr_assert_eq(identity_prctl(&id, (uint64_t[5]){ PR_CAPBSET_READ, 3 }, ALL, &value), 0);
        cr_assert_eq(value, 1);
}

/* ---- the kernel as referee ---- */

#define SEQUENCES 600
#define STEPS     12

struct step {
        long nr;
        uint64_t args[5];
};

static uint32_t pick_id(void) {
        static const uint32_t ids[] = { 0, 1, 33, 1000, NO_ID };

        return ids[rand() % 5];
}

static struct step pick(void) {
        static const long nrs[] = { SYS_setuid, SYS_setreuid, SYS_setresuid, SYS_setfsuid,
                                    SYS_setgid, SYS_setregid, SYS_setresgid, SYS_setfsgid,
                                    SYS_capset, SYS_prctl,    SYS_prctl };
        static const uint64_t prctls[][3] = {
                { PR_SET_KEEPCAPS, 1 },
                { PR_SET_KEEPCAPS, 0 },
                { PR_SET_KEEPCAPS, 2 },
                { PR_GET_KEEPCAPS, 0 },
                { PR_GET_SECUREBITS, 0 },
                { PR_SET_SECUREBITS, 1 << 0 },
                { PR_SET_SECUREBITS, 1 << 2 },
                { PR_SET_SECUREBITS, 1 << 4 | 1 << 5 },
                { PR_SET_SECUREBITS, 0 },
                { PR_SET_SECUREBITS, 1 << 6 },
                { PR_SET_SECUREBITS, 1 << 13 },
                { PR_CAPBSET_READ, 1 },
                { PR_CAPBSET_READ, 77 },
                { PR_CAPBSET_DROP, 4 },
                { PR_CAPBSET_DROP, 77 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 0 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 7 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, 7 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 7 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, 99 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0 },
                { PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 1 },
        };
        static const uint64_t sets[] = { 0, 1, 0xc1, 0x80, UINT64_MAX };
        struct step step = { .nr = nrs[rand() % 11] };

        for (unsigned i = 0; i < 3; i++)
                step.args[i] = pick_id();
        if (step.nr == SYS_capset)
                for (unsigned i = 0; i < 3; i++)
                        step.args[i] = sets[rand() % 5];
        if (step.nr == SYS_prctl)
                memcpy(step.args, prctls[rand() % (sizeof(prctls) / sizeof(prctls[0]))], sizeof(prctls[0]));
        return step;
}

static void real_caps(struct identity *ret) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        syscall(SYS_capget, &header, data);
        ret->effective = data[0].effective | (uint64_t)data[1].effective << 32;
        ret->permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
        ret->inheritable = data[0].inheritable | (uint64_t)data[1].inheritable << 32;
}

/* Result of the kernel: value or negative errno. */
static int64_t real_step(const struct step *step, const struct identity *now) {
        const uint64_t *a = step->args;
        long r;

        if (step->nr == SYS_capset) {
                struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
                uint64_t sets[3] = { a[0] & now->bounding, a[1] & now->permitted, a[2] & now->permitted };
                struct __user_cap_data_struct data[2] = {
                        { (uint32_t)sets[2], (uint32_t)sets[1], (uint32_t)sets[0] },
                        { (uint32_t)(sets[2] >> 32), (uint32_t)(sets[1] >> 32), (uint32_t)(sets[0] >> 32) },
                };

                r = syscall(SYS_capset, &header, data);
        } else {
                r = syscall(step->nr, a[0], a[1], a[2], a[3], a[4]);
        }
        return r < 0 ? -errno : r;
}

static int64_t pretended_step(const struct step *step, struct identity *id, uint64_t all) {
        uint32_t a = (uint32_t)step->args[0], b = (uint32_t)step->args[1], c = (uint32_t)step->args[2];
        int64_t value = 0;
        int error = 0;

        switch (step->nr) {
        case SYS_setuid:
                error = identity_setuid(id, a);
                break;
        case SYS_setreuid:
                error = identity_setreuid(id, a, b);
                break;
        case SYS_setresuid:
                error = identity_setresuid(id, a, b, c);
                break;
        case SYS_setfsuid:
                return identity_setfsuid(id, a);
        case SYS_setgid:
                error = identity_setgid(id, a);
                break;
        case SYS_setregid:
                error = identity_setregid(id, a, b);
                break;
        case SYS_setresgid:
                error = identity_setresgid(id, a, b, c);
                break;
        case SYS_setfsgid:
                return identity_setfsgid(id, a);
        case SYS_capset:
                error = identity_capset(id, step->args[0] & id->bounding, step->args[1] & id->permitted,
                                        step->args[2] & id->permitted);
                break;
        default:
                error = identity_prctl(id, step->args, all, &value);
        }
        return error ? -error : value;
}

static bool parse_status(const char *text, struct identity *ret) {
        const char *uid = strstr(text, "\nUid:"), *gid = strstr(text, "\nGid:");
        unsigned long long caps[5];
        static const char *const keys[] = { "\nCapInh:", "\nCapPrm:", "\nCapEff:", "\nCapBnd:",
                                            "\nCapAmb:" };

        if (!uid || !gid ||
            sscanf(uid + 5, "%u %u %u %u", &ret->uid[0], &ret->uid[1], &ret->uid[2], &ret->uid[3]) != 4 ||
            sscanf(gid + 5, "%u %u %u %u", &ret->gid[0], &ret->gid[1], &ret->gid[2], &ret->gid[3]) != 4)
                return false;
        for (unsigned i = 0; i < 5; i++) {
                const char *at = strstr(text, keys[i]);

                if (!at)
                        return false;
                caps[i] = strtoull(at + strlen(keys[i]), NULL, 16);
        }
        ret->inheritable = caps[0];
        ret->permitted = caps[1];
        ret->effective = caps[2];
        ret->bounding = caps[3];
        ret->ambient = caps[4];
        return true;
}

static void read_status(struct identity *ret) {
        char text[8192];
        FILE *file = fopen("/proc/thread-self/status", "r");
        size_t n = file ? fread(text, 1, sizeof(text) - 1, file) : 0;

        if (file)
                fclose(file);
        text[n] = 0;
        if (!parse_status(text, ret))
                _exit(3);
}

static void show(FILE *to, const char *who, const struct identity *id) {
        fprintf(to, "%s: uid %u %u %u %u gid %u %u %u %u i %lx p %lx e %lx b %lx a %lx\n", who, id->uid[0],
                id->uid[1], id->uid[2], id->uid[3], id->gid[0], id->gid[1], id->gid[2], id->gid[3],
                id->inheritable, id->permitted, id->effective, id->bounding, id->ambient);
}

/* What the kernel's execve makes of us, told by a program that prints its own status. */
static bool exec_agrees(struct identity expected) {
        struct identity got = expected;
        char text[8192];
        size_t n = 0;
        ssize_t r;
        int fds[2];
        pid_t child;

        if (pipe(fds) < 0)
                return false;
        child = fork();
        if (child == 0) {
                dup2(fds[1], 1);
                execl("/bin/cat", "cat", "/proc/thread-self/status", NULL);
                _exit(9);
        }
        close(fds[1]);
        while ((r = read(fds[0], text + n, sizeof(text) - 1 - n)) > 0)
                n += (size_t)r;
        text[n] = 0;
        close(fds[0]);
        waitpid(child, NULL, 0);
        if (!parse_status(text, &got))
                return false;
        identity_exec(&expected);
        expected.securebits = got.securebits;
        if (identity_same(&expected, &got))
                return true;
        show(stderr, "execve, kernel", &got);
        show(stderr, "execve, ours  ", &expected);
        return false;
}

/* 0: agreed. 2: this machine's root may not even do that. */
static int run_sequence(void) {
        struct identity id = identity_root(LAST), real;
        struct step history[STEPS];
        uint64_t all = 0;

        /* None of its own may be in the way: neither how many processes a user has, nor what was locked for
         * good. */
        setrlimit(RLIMIT_NPROC, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
        if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0 || prctl(PR_GET_SECUREBITS) != 0)
                return 2;
        for (unsigned i = 0; i < 64; i++)
                if (prctl(PR_CAPBSET_READ, i) >= 0)
                        all |= 1ull << i;
        if (syscall(SYS_setgroups, 0, NULL) < 0)
                return 2;
        id.n_groups = 0;
        read_status(&id);
        if (id.uid[0] != 0 || !identity_may(&id, IDENTITY_SETUID) || !identity_may(&id, IDENTITY_SETPCAP))
                return 2;
        for (unsigned i = 0; i < STEPS; i++) {
                int64_t wanted, got;

                history[i] = pick();
                wanted = real_step(&history[i], &id);
                got = pretended_step(&history[i], &id, all);
                real = id;
                read_status(&real);
                if (wanted == got && identity_same(&id, &real))
                        continue;
                for (unsigned j = 0; j <= i; j++)
                        fprintf(stderr, "call %ld(%lx, %lx, %lx)\n", history[j].nr, history[j].args[0],
                                history[j].args[1], history[j].args[2]);
                fprintf(stderr, "kernel %ld, ours %ld\n", wanted, got);
                show(stderr, "kernel", &real);
                show(stderr, "ours  ", &id);
                return 1;
        }
        real_caps(&real);
        if (real.effective != id.effective)
                return 1;
        return rand() % 4 || exec_agrees(id) ? 0 : 1;
}

/* The rules of prctl, setresuid and execve changed in details up to 6.16. */
static bool kernel_is_new(void) {
        struct utsname name;
        unsigned major = 0, minor = 0;

        uname(&name);
        return sscanf(name.release, "%u.%u", &major, &minor) == 2 &&
               (major > 6 || (major == 6 && minor >= 16));
}

Test(root_identity, agrees_with_the_kernel, .timeout = 300) {
        if (geteuid() != 0)
                cr_skip_test("only root may change its ids");
        if (!kernel_is_new())
                cr_skip_test("this kernel is older than what the rules were taken from");
        for (unsigned i = 0; i < SEQUENCES; i++) {
                int status;
                pid_t child = fork();

                if (child == 0) {
                        srand(i);
                        _exit(run_sequence());
                }
                waitpid(child, &status, 0);
                if (WIFEXITED(status) && WEXITSTATUS(status) == 2) /* see run_sequence() */
                        cr_skip_test("this root lacks capabilities");
                cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "sequence %u", i);
        }
}
