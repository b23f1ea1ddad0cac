/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The vDSO: code that the kernel maps into every program image, which reads the clocks without a call. What
 * makes no call is not notified, so where the date is pretended, its functions are turned into plain system
 * calls, once per program image. The page is private to the image: forked children have the changed one, the
 * next execve brings a fresh one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VDSO_SIZE_MAX    (64u * 1024) /* 8 KiB on Linux 6.18 */
#define VDSO_STUB_MAX    24
#define VDSO_PATCHES_MAX 8

enum vdso_outcome {
        VDSO_E_FORMAT = 48, /* not an ELF object, or one that contradicts itself */
        VDSO_E_MACHINE,     /* code of a machine that we have no calls for */
        VDSO_E_UNKNOWN,     /* it has a function about time that we do not know */
        VDSO_E_ROOM,        /* a function is too short for the call */
        VDSO_E_MISSING,     /* none of the functions that every program looks for */
};
/* "it has a function that is not known: __vdso_…"; static storage. */
const char *vdso_outcome_text(int outcome);

struct vdso_patch {
        uint32_t offset; /* in the image */
        uint32_t n;
        uint8_t bytes[VDSO_STUB_MAX];
};
struct vdso_patches {
        struct vdso_patch items[VDSO_PATCHES_MAX];
        size_t n;
};

/* What is to be written where in an image of n bytes, by its dynamic symbols. 0 or enum vdso_outcome. The
 * image may hold anything: a program may write to its own copy. */
int vdso_patches(const void *image, size_t n, struct vdso_patches *ret);

/* Is this line of /proc/TID/maps the vDSO's? Only the kernel gives that name: mapped files have a path. */
bool vdso_line(const char *line, uint64_t *ret_start, uint64_t *ret_end);

struct call;
/*
 * Makes sure that the vDSO of the task's program image makes calls. 0, also where there is none; a positive
 * enum vdso_outcome; CALL_E_GONE; or -errno when its memory cannot be changed.
 */
int vdso_make_calls(struct call *call);
