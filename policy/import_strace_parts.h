/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of the strace reader share; import_strace.h is for everybody else. */

#include "policy/import_strace.h"

struct syscall_row;

#define STRACE_ARGS_MAX 12
#define STRACE_NAME_MAX 64 /* of a call */

struct strace_text {
        const char *bytes;
        size_t n;
};

/* ---- import_strace_line.c: what stands before and around a call ---- */

/* What stands before the call in a line. */
struct strace_prefix {
        bool has_pid, has_comm, has_ip, has_nr;
        uint32_t pid;
        char comm[EVENT_COMM_MAX];
        uint64_t time_ns; /* 0: none, or a time of day without its date */
        uint64_t ip;
        uint64_t nr;
};

/* Returns what is behind the prefix. */
struct strace_text strace_prefix(const char *line, size_t n, struct strace_prefix *ret);

enum strace_kind {
        STRACE_CALL,    /* NAME(… */
        STRACE_RESUMED, /* <... NAME resumed>… */
        STRACE_REST,    /* )   = 0 : the end of a line that something else was printed into */
        STRACE_MODE,    /* [ Process PID=1 runs in 32 bit mode. ] */
        STRACE_SIGNAL,  /* --- SIGSYS {…} --- */
        STRACE_EXIT,    /* +++ exited with 0 +++ */
        STRACE_SUMMARY, /* System call usage summary for 32 bit mode: */
        STRACE_HEADING, /* % time     seconds … */
        STRACE_QUIET,   /* ours, and about no call */
        STRACE_OTHER,   /* not of strace */
};
enum strace_mode {
        STRACE_MODE_64,
        STRACE_MODE_32,
        STRACE_MODE_X32,
};

struct strace_shape {
        enum strace_kind kind;
        struct strace_text name; /* CALL, RESUMED */
        struct strace_text rest; /* behind the parenthesis or the angle */
        enum strace_mode mode;   /* MODE, SUMMARY */
        uint32_t pid;            /* MODE */
};
void strace_shape(struct strace_text text, struct strace_shape *ret);

/* Arguments from behind the opening parenthesis. */
struct strace_args {
        struct strace_text args[STRACE_ARGS_MAX];
        size_t n;                  /* further ones are not kept */
        struct strace_text whole;  /* all of them */
        struct strace_text result; /* behind "= "; n = 0 when there is none */
        bool closed;               /* the closing parenthesis was there */
        bool returned;             /* a result was there */
        bool interrupted;          /* <unfinished ...> or the like stood at the end */
        bool awaited;              /* of those: another line will follow */
};
void strace_args_split(struct strace_text rest, struct strace_args *ret);

/* ---- import_strace_value.c ---- */

/* Fills the arguments of an event whose (arch, nr) is known. */
void strace_args_fill(const struct strace_args *args, struct event *event);
/* Fills the answer. */
void strace_result_fill(struct strace_text result, struct event *event);
/* One argument as printed; set may be NULL. Is its value certain? */
struct constant_set;
bool strace_value(struct strace_text text, const struct constant_set *set, const struct arch *arch,
                  uint64_t *ret);

/* ---- import_strace_name.c ---- */

/* The architecture of calls of a mode on a machine; NULL when it has no such mode. */
const struct arch *strace_mode_arch(const struct arch *machine, enum strace_mode mode);
/* Number of the call as strace names it; negative when the architecture has none. */
int64_t strace_number(const struct arch *arch, struct strace_text name);
/* The number of socketcall or ipc, where a C library of this architecture makes this call through it;
 * negative where not. *ret_constant: the name of its first argument. */
int strace_multiplexer(const struct arch *arch, struct strace_text name, const char **ret_constant);
bool strace_name_known(struct strace_text name);

/* ---- import_strace_guess.c ---- */

/* The machine of which these names are, best the native one. */
const struct arch *strace_guess(const char *bytes, size_t n);

/* ---- import_strace_table.c ---- */

#define STRACE_COLUMNS_MAX 12

struct strace_table {
        bool open;
        uint8_t n, name, calls, errors; /* columns; UINT8_MAX: none */
};
/* Opens the table if this is the heading of one. */
bool strace_table_open(struct strace_table *table, struct strace_text heading);
/* Row of an open table: *ret_name and *ret_calls, or false for rulers and totals; the total closes it. */
bool strace_table_row(struct strace_table *table, struct strace_text line, struct strace_text *ret_name,
                      uint64_t *ret_calls);

/* ---- import_strace_task.c ---- */

#define STRACE_BUCKETS   4096
#define STRACE_SEEN_SIZE 8192 /* a power of two */

/* A call that another line will finish. */
struct strace_pending {
        char *text; /* owned: from behind the parenthesis; NULL when too long or not seen */
        size_t n;
        char name[STRACE_NAME_MAX];
        bool open;
        const struct arch *arch;
        struct strace_prefix prefix;
        uint64_t line;
};

struct strace_task {
        uint32_t pid;
        const struct arch *arch;
        char comm[EVENT_COMM_MAX];
        char exe[EVENT_EXE_MAX];
        struct strace_pending pending;
        struct strace_task *next;          /* in its bucket */
        struct strace_task *older, *newer; /* by first appearance */
};

struct strace {
        struct import *import;
        const struct arch *machine;
        const struct arch *current; /* strace starts a task in the mode it saw last */
        uint32_t default_pid;       /* of lines without a number */
        bool saw_pid;

        struct strace_task *buckets[STRACE_BUCKETS];
        struct strace_task *oldest, *newest;
        size_t n_tasks;

        struct strace_pending held; /* the beginning of a line that the program printed into */

        struct strace_table table;
        const struct arch *table_arch;
        bool table_done;                 /* a table has ended: what follows is another run */
        uint64_t seen[STRACE_SEEN_SIZE]; /* (architecture, number) + 1 of calls in lines; 0 = free */
        size_t n_seen;
};

struct strace_task *strace_task_find(struct strace *strace, uint32_t pid);
/* Finds or makes it. */
int strace_task(struct strace *strace, uint32_t pid, struct strace_task **ret);
void strace_task_remove(struct strace *strace, struct strace_task *task);
void strace_tasks_clear(struct strace *strace);
void strace_pending_clear(struct strace_pending *pending);
/* What execve makes of a task's names. */
void strace_task_executed(struct strace_task *task, const struct strace_args *args);
/* A child has its parent's names and mode until a line says otherwise. */
int strace_task_born(struct strace *strace, const struct strace_task *parent, int64_t pid);

/* Calls of this run that lines have shown: -C counts them again in its table. */
void strace_seen_add(struct strace *strace, const struct event *event);
bool strace_seen(struct strace *strace, const struct event *event);

/* ---- import_strace.c ---- */

/* Nothing will finish the task's pending call any more: it is given out as it is. */
int strace_give_up(struct strace *strace, struct strace_task *task);
