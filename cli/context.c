/* SPDX-License-Identifier: Apache-2.0 */

/* Options that say for which machine a profile is read, and what is printed about the choice. */

#include "cli/context.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "policy/capability.h"
#include "syscalls/names.h"

int context_init(struct context *context) {
        int r;

        *context = (struct context){ 0 };
        r = profile_context_machine(&context->profile);
        return r ? say_trouble(r, "this machine") : 0;
}

static int take_arch(struct context *context, const char *verb, const char *value) {
        const struct arch *arch = arch_by_any(value);
        const char *names[64];
        const char *nearest;
        size_t n = 0;

        if (arch) {
                context->profile.arch = arch;
                context->profile.given |= CONTEXT_ARCH;
                return 0;
        }
        for (size_t i = 0; i < arch_table_n && n < 64; i++)
                names[n++] = arch_table[i].name;
        nearest = diag_nearest(value, names, n);
        return say_usage(verb, "--arch: '%s' is not an architecture; write %s", value,
                         nearest ? nearest : "one such as x86_64 or arm64");
}

static int take_cap(struct context *context, const char *verb, const char *value) {
        char name[64];
        uint64_t caps;
        int number;

        if (!strcasecmp(value, "none")) {
                caps = 0;
        } else if (!strcasecmp(value, "all")) {
                caps = UINT64_MAX;
        } else if (!strcasecmp(value, "default")) {
                caps = CAPABILITY_CONTAINERS;
        } else {
                snprintf(name, sizeof(name), "%s%.40s", strncasecmp(value, "CAP_", 4) ? "CAP_" : "", value);
                for (char *c = name; *c; c++)
                        *c = (char)toupper((unsigned char)*c);
                number = capability_by_name(name);
                if (number < 0) {
                        const char *names[64], *nearest;
                        size_t n = 0;

                        while (n < 64 && n < capability_count()) {
                                names[n] = capability_name((unsigned)n);
                                n++;
                        }
                        nearest = diag_nearest(name, names, n);
                        return say_usage(verb, "--cap: no capability is named '%s'; write %s", value,
                                         nearest ? nearest
                                                 : "one such as CAP_SYS_ADMIN, or none, all or default");
                }
                caps = UINT64_C(1) << number;
        }
        if (!(context->profile.given & CONTEXT_CAPS))
                context->profile.caps = 0;
        context->profile.caps |= caps;
        context->profile.given |= CONTEXT_CAPS;
        return 0;
}

static int take_kernel(struct context *context, const char *verb, const char *value) {
        unsigned major, minor;
        char end;

        /* uname -r goes on behind the second number; that part decides nothing. */
        if (!isdigit((unsigned char)value[0]) || sscanf(value, "%5u.%5u%c", &major, &minor, &end) < 2 ||
            (sscanf(value, "%5u.%5u%c", &major, &minor, &end) == 3 && end != '.' && end != '-'))
                return say_usage(verb, "--kernel: '%s' is not a version; write it as in 6.1", value);
        context->profile.kernel_major = major;
        context->profile.kernel_minor = minor;
        context->profile.given |= CONTEXT_KERNEL;
        return 0;
}

static int take_dialect(struct context *context, const char *verb, const char *value) {
        if (!dialect_by_name(value, &context->read.dialect))
                return say_usage(verb, "--dialect: '%s' is none; write oci, docker, containers or spo",
                                 value);
        context->read.dialect_set = true;
        return 0;
}

int context_option(struct context *context, const char *verb, int option, const char *value) {
        switch (option) {
        case CONTEXT_OPTION_ARCH:
                return take_arch(context, verb, value);
        case CONTEXT_OPTION_CAP:
                return take_cap(context, verb, value);
        case CONTEXT_OPTION_KERNEL:
                return take_kernel(context, verb, value);
        case CONTEXT_OPTION_DIALECT:
                return take_dialect(context, verb, value);
        default:
                return -1;
        }
}

static void caps_text(uint64_t caps, struct buf *to) {
        unsigned n = 0, n_known = capability_count();

        for (unsigned i = 0; i < n_known; i++)
                n += caps >> i & 1;
        if (!n) {
                buf_puts(to, "no capabilities");
                return;
        }
        if (n == n_known) {
                buf_puts(to, "all capabilities");
                return;
        }
        if (caps == CAPABILITY_CONTAINERS) {
                buf_puts(to, "docker's default capabilities");
                return;
        }
        buf_printf(to, "%u capabilit%s (", n, n == 1 ? "y" : "ies");
        for (unsigned i = 0, shown = 0; i < n_known && shown <= 4; i++) {
                if (!(caps >> i & 1))
                        continue;
                buf_puts(to, shown == 0 ? "" : ", ");
                buf_puts(to, shown == 4 ? "…" : capability_name(i));
                shown++;
        }
        buf_putc(to, ')');
}

void context_text(const struct context *context, unsigned parts, struct buf *to) {
        const struct profile_context *profile = &context->profile;
        const char *between = "";

        if (parts & CONTEXT_ARCH) {
                buf_puts(to, profile->arch->name);
                between = ", ";
        }
        if (parts & CONTEXT_KERNEL) {
                buf_printf(to, "%sLinux %u.%u", between, profile->kernel_major, profile->kernel_minor);
                between = ", ";
        }
        if (parts & CONTEXT_CAPS) {
                buf_puts(to, between);
                caps_text(profile->caps, to);
        }
}

void context_say(const struct context *context, const struct profile *profile) {
        unsigned needs = profile_context_needs(profile), machine = needs & ~context->profile.given;
        struct buf text = BUF_INIT(4096);

        if (!needs)
                return;
        context_text(context, needs, &text);
        if (machine)
                buf_printf(&text, "; this machine's, choose with%s%s%s",
                           machine & CONTEXT_ARCH ? " --arch" : "", machine & CONTEXT_CAPS ? " --cap" : "",
                           machine & CONTEXT_KERNEL ? " --kernel" : "");
        say("%s: %s, as it applies to %s", profile->file ? profile->file : "the profile",
            dialect_title(profile->dialect), buf_string(&text));
        buf_deinit(&text);
}

int context_read(const struct context *context, const char *path, struct profile **ret) {
        struct diags diags = DIAGS_INIT;
        int r = profile_read_file_as(path, &context->read, &diags, ret);

        say_diags(&diags, false);
        diags_deinit(&diags);
        return r < 0 ? say_trouble(r, path) : r > 0 ? EXIT_USAGE : 0;
}

int context_resolve(const struct context *context, const char *path, struct profile **ret_written,
                    struct profile **ret_resolved) {
        cleanup_profile struct profile *profile = NULL;
        struct diags diags = DIAGS_INIT;
        int r = context_read(context, path, &profile);

        if (r)
                return r;
        r = profile_resolve(profile, &context->profile, &diags, ret_resolved);
        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r == PROFILE_E_EMPTY) {
                say_error("%s: asks for no filter at all (no default action and no rules)", path);
                return EXIT_USAGE;
        }
        if (r)
                return r > 0 ? EXIT_USAGE : say_trouble(r, path);
        context_say(context, profile);
        if (ret_written) {
                *ret_written = profile;
                profile = NULL;
        }
        return 0;
}
