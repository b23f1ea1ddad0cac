/* SPDX-License-Identifier: Apache-2.0 */

/* Whose call it is. Costs one small file of /proc per call while the stage lasts, and nothing afterwards. */

#include "supervisor/stage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "supervisor/target.h"

void stage_init(struct stage *stage, const struct kernel *kernel, bool runtime, uint32_t pid) {
        *stage = (struct stage){ .kernel = kernel, .at = runtime ? STAGE_UNSEEN : STAGE_OVER, .pid = pid };
}

/* Bytes of the task's auxiliary vector; 0: not to be had. */
static size_t program_of(const struct stage *stage, uint32_t tid, unsigned char ret[STAGE_PROGRAM_MAX]) {
        long n = stage->kernel->read_proc(stage->kernel->data, tid, "auxv", ret, STAGE_PROGRAM_MAX, 0);

        return n > 0 && n < STAGE_PROGRAM_MAX ? (size_t)n : 0;
}

static bool same_program(const struct stage *stage, uint32_t tid) {
        unsigned char program[STAGE_PROGRAM_MAX];
        size_t n = program_of(stage, tid, program);

        return n > 0 && n == stage->n_program && memcmp(program, stage->program, n) == 0;
}

static bool same_file(const struct stage *stage, uint32_t tid, const char *one, const char *other) {
        cleanup_fd int one_fd = stage->kernel->open_proc(stage->kernel->data, tid, one, O_PATH);
        cleanup_fd int other_fd = stage->kernel->open_proc(stage->kernel->data, tid, other, O_PATH);
        struct stat one_stat, other_stat;

        return one_fd >= 0 && other_fd >= 0 && fstat(one_fd, &one_stat) == 0 &&
               fstat(other_fd, &other_stat) == 0 && one_stat.st_dev == other_stat.st_dev &&
               one_stat.st_ino == other_stat.st_ino;
}

/*
 * A runtime runs a file that its container does not have: a sealed copy in memory ("/memfd:runc_cloned…
 * (deleted)"), a mount taken away again ("/"), or one in a root that was left behind, whose path leads to
 * another file or to none in the new root. An image may hold a program by the name of crun.
 */
static bool runs_from_outside(const struct stage *stage, uint32_t tid) {
        char exe[512], inside[512 + 8];
        long n = stage->kernel->read_link(stage->kernel->data, tid, "exe", exe, sizeof(exe));

        if (n < 0 || n == sizeof(exe) - 1) /* not to be had, or cut */
                return false;
        snprintf(inside, sizeof(inside), "root%s", exe);
        return !same_file(stage, tid, "exe", inside);
}

/* How runtimes call themselves then; seen of runc 1.1 and crun 1.8. */
static bool named_as_runtime(const struct stage *stage, uint32_t tid) {
        static const struct {
                const char *name;
                bool prefix;
        } names[] = {
                { "runc:[2:INIT]" },     { "runc" },        { "memfd:runc_", true }, { "crun" },
                { "memfd:crun_", true }, { "youki", true },
        };
        const struct target target = { .kernel = stage->kernel, .tid = tid };
        char comm[EVENT_COMM_MAX];

        if (target_comm(&target, comm) < 0)
                return false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (names[i].prefix ? strncmp(comm, names[i].name, strlen(names[i].name)) == 0
                                    : strcmp(comm, names[i].name) == 0)
                        return true;
        return false;
}

static void take_program(struct stage *stage, uint32_t tid) {
        stage->n_program = program_of(stage, tid, stage->program);
        stage->at = stage->n_program > 0 ? STAGE_RUNTIME : STAGE_OVER;
}

void stage_begin(struct stage *stage) {
        const struct target target = { .kernel = stage->kernel, .tid = stage->pid };
        char comm[EVENT_COMM_MAX];

        stage->begun = true;
        if (stage->at != STAGE_UNSEEN || stage->pid == 0 || target_comm(&target, comm) < 0)
                return; /* or its number means nothing in our pid namespace */
        if (runs_from_outside(stage, stage->pid))
                take_program(stage, stage->pid);
        else
                stage->at = STAGE_OVER;
}

/* crun exec does not know its own number: whoever calls first is looked at. */
static void look_at_first(struct stage *stage, uint32_t tid) {
        const struct target target = { .kernel = stage->kernel, .tid = tid };
        uint32_t uid;

        if (!named_as_runtime(stage, tid) || !runs_from_outside(stage, tid) ||
            target_identify(&target, &stage->pid, &uid) < 0)
                stage->at = STAGE_OVER;
        else
                take_program(stage, tid);
}

bool stage_has(struct stage *stage, uint32_t tid) {
        if (stage->at == STAGE_OVER || tid == 0)
                return false;
        if (stage->at == STAGE_UNSEEN) {
                look_at_first(stage, tid);
                return stage->at == STAGE_RUNTIME;
        }
        if (same_program(stage, tid))
                return true;
        /* The program itself, or one that the runtime started beside it (a hook). */
        if (!same_program(stage, stage->pid))
                stage->at = STAGE_OVER;
        return false;
}
