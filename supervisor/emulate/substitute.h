/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Content that stands for a file: what `substitute` of a rule says, in a sealed memfd. text and file are
 * made once and opened anew for each open, so that positions are not shared; template is made for each open.
 *
 * The file is a regular one that everybody may read and nobody write (EROFS).
 */

struct call;

/* The content as a descriptor, owned by the caller. 0, CALL_E_GONE or -errno. */
int substitute_content(struct call *call, int *ret_fd);

/* Answers an open with these flags of the task. */
int substitute_open(struct call *call, int flags);
/* Answers an access with this mode. */
int substitute_access(struct call *call, int mode);
