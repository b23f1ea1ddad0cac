/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sysinfo with other amounts. What the policy does not name stays real, but is never more than what it is a
 * part of: free memory fits into the memory there is.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/system.h"

#define PAGE 4096u /* where the kernel stops growing mem_unit for 32-bit callers */

/* What 32-bit programs get (x32 has the 64-bit one). */
struct sysinfo32 {
        int32_t uptime;
        uint32_t loads[3];
        uint32_t totalram, freeram, sharedram, bufferram, totalswap, freeswap;
        uint16_t procs, pad;
        uint32_t totalhigh, freehigh, mem_unit;
        char rest[8];
};
_Static_assert(sizeof(struct sysinfo32) == 64, "compat_sysinfo of the kernel");
_Static_assert(sizeof(struct sysinfo) == 112 || sizeof(long) == 4, "struct sysinfo of the kernel");

struct amounts {
        bool memory_set, free_set, swap_set, swap_free_set, uptime_set, processes_set;
        uint64_t memory, free, swap, swap_free;
        int64_t uptime_ns, processes;
        struct timespec opened; /* uptime counts on from here */
};

static int sysinfo_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct amounts *amounts;
        int r = options_new(rule->options, error, n_error, &options);

        if (r)
                return r;
        amounts = calloc(1, sizeof(*amounts));
        if (!amounts)
                return error_origin(-ENOMEM);
        amounts->memory_set = options_has(options, "memory");
        amounts->free_set = options_has(options, "free");
        amounts->swap_set = options_has(options, "swap");
        amounts->swap_free_set = options_has(options, "swap-free");
        amounts->uptime_set = options_has(options, "uptime");
        amounts->processes_set = options_has(options, "processes");
        clock_gettime(CLOCK_BOOTTIME, &amounts->opened);
        r = options_size(options, "memory", &amounts->memory);
        if (!r)
                r = options_size(options, "free", &amounts->free);
        if (!r)
                r = options_size(options, "swap", &amounts->swap);
        if (!r)
                r = options_size(options, "swap-free", &amounts->swap_free);
        if (!r)
                r = options_duration(options, "uptime", &amounts->uptime_ns);
        if (!r)
                r = options_number(options, "processes", &amounts->processes);
        if (!r && amounts->uptime_ns < 0)
                r = options_wrong(options, "uptime is negative");
        if (!r && (amounts->processes < 0 || amounts->processes > UINT16_MAX))
                r = options_wrong(options, "processes is %lld: expected 0 to 65535",
                                  (long long)amounts->processes);
        if (r)
                free(amounts);
        else
                *ret_state = amounts;
        return r;
}

/* What of value, counted in units, fits into whole. */
static unsigned long part(unsigned long value, unsigned long whole) {
        return value < whole ? value : whole;
}

static void change(const struct amounts *amounts, struct sysinfo *info) {
        unsigned long unit = info->mem_unit ? info->mem_unit : 1;

        if (amounts->memory_set)
                info->totalram = (unsigned long)(amounts->memory / unit);
        if (amounts->free_set)
                info->freeram = (unsigned long)(amounts->free / unit);
        if (amounts->swap_set)
                info->totalswap = (unsigned long)(amounts->swap / unit);
        if (amounts->swap_free_set)
                info->freeswap = (unsigned long)(amounts->swap_free / unit);
        info->freeram = part(info->freeram, info->totalram);
        info->sharedram = part(info->sharedram, info->totalram - info->freeram);
        info->bufferram = part(info->bufferram, info->totalram - info->freeram);
        info->totalhigh = part(info->totalhigh, info->totalram);
        info->freehigh = part(info->freehigh, info->totalhigh);
        info->freeswap = part(info->freeswap, info->totalswap);
        if (amounts->processes_set)
                info->procs = (unsigned short)amounts->processes;
        if (amounts->uptime_set) {
                struct timespec now;
                int64_t ns;

                clock_gettime(CLOCK_BOOTTIME, &now);
                ns = (int64_t)(now.tv_sec - amounts->opened.tv_sec) * 1000000000 + now.tv_nsec -
                     amounts->opened.tv_nsec + amounts->uptime_ns;
                /* Begun seconds count, as in the kernel. */
                info->uptime = (long)(ns / 1000000000 + (ns % 1000000000 != 0));
        }
}

static void narrow(struct sysinfo info, struct sysinfo32 *ret) {
        unsigned shift = 0;

        /* The kernel looks at these two, and scales all of them. */
        if (info.totalram >> 31 >> 1 || info.totalswap >> 31 >> 1)
                while (info.mem_unit < PAGE) {
                        info.mem_unit <<= 1;
                        shift++;
                }
        *ret = (struct sysinfo32){
                .uptime = (int32_t)info.uptime,
                .loads = { (uint32_t)info.loads[0], (uint32_t)info.loads[1], (uint32_t)info.loads[2] },
                .totalram = (uint32_t)(info.totalram >> shift),
                .freeram = (uint32_t)(info.freeram >> shift),
                .sharedram = (uint32_t)(info.sharedram >> shift),
                .bufferram = (uint32_t)(info.bufferram >> shift),
                .totalswap = (uint32_t)(info.totalswap >> shift),
                .freeswap = (uint32_t)(info.freeswap >> shift),
                .procs = info.procs,
                .totalhigh = (uint32_t)(info.totalhigh >> shift),
                .freehigh = (uint32_t)(info.freehigh >> shift),
                .mem_unit = info.mem_unit,
        };
}

static int emulate_sysinfo(struct call *call) {
        struct sysinfo info;
        struct sysinfo32 info32;
        int r;

        if (sysinfo(&info) < 0)
                return error_origin(-errno);
        change(emulation_state(call), &info);
        if (call_is_32bit(call)) {
                narrow(info, &info32);
                r = target_write(call, call->args[0], &info32, sizeof(info32));
        } else {
                r = target_write(call, call->args[0], &info, sizeof(info));
        }
        return r ? target_error(call, r) : answer_errno(call, 0);
}

static const struct emulator sysinfo_rows[] = {
        { "sysinfo", emulate_sysinfo },
        { 0 },
};

const struct emulation emulation_sysinfo = {
        .name = "sysinfo",
        .rows = sysinfo_rows,
        .open = sysinfo_open,
        .close = free,
};
