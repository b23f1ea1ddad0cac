/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/service.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fd.h"
#include "supervisor/client.h"
#include "supervisor/kernel.h"
#include "supervisor/service/adopt.h"
#include "supervisor/service/agent.h"
#include "supervisor/service/config.h"
#include "supervisor/service/gate.h"
#include "supervisor/service/inheritance.h"
#include "supervisor/service/keeper.h"
#include "supervisor/service/log.h"
#include "supervisor/service/manager.h"
#include "supervisor/service/metrics.h"
#include "supervisor/service/oci.h"
#include "supervisor/service/publisher.h"
#include "supervisor/service/registry.h"
#include "supervisor/service/rpc.h"
#include "supervisor/service/sockets.h"

#define EXIT_USAGE   2
#define EXIT_TROUBLE 125

#define STOP_MS    5000 /* a task may keep a receiver waiting for ever; we do not wait for it */
#define OUTLETS_MS 2000 /* what peers of outlets are waited for at the end */

#define OCI_MAX 16

struct service {
        const struct service_options *options;
        uv_loop_t loop;
        struct kernel kernel;
        struct config *config;
        struct config *retired; /* of the last reload: parts may still point into it */
        struct keeper *keeper;
        struct publisher *publisher;
        struct registry *registry;
        struct agent *agent;
        struct client *clients; /* its connections */
        struct oci *oci[OCI_MAX];
        struct gate gates[OCI_MAX];
        struct rpc *rpc;
        struct metrics *metrics;

        struct inheritance inheritance;

        uv_signal_t terminate, interrupt, hangup;
        uv_timer_t watchdog, deadline;

        atomic_bool ready;
        bool draining, stopping;
        bool dismiss; /* the keeper is not needed any more */
        void (*handed_over)(void *data, int r);
        void *handed_over_data;
};

/* ---- end ---- */

static void close_doors(struct service *service, bool successor) {
        service->agent = agent_free(service->agent);
        for (size_t i = 0; i < OCI_MAX; i++)
                service->oci[i] = oci_free(service->oci[i], successor && service->keeper);
}

static void close_parts(struct service *service) {
        close_doors(service, false);
        service->rpc = service->rpc ? rpc_free(service->rpc) : NULL;
        service->metrics = service->metrics ? metrics_free(service->metrics) : NULL;
        for (uv_signal_t *signal = &service->terminate; signal <= &service->hangup; signal++)
                if (signal->data)
                        uv_close((uv_handle_t *)signal, NULL);
        uv_close((uv_handle_t *)&service->watchdog, NULL);
        uv_close((uv_handle_t *)&service->deadline, NULL);
}

static void on_stopped(void *data) {
        struct service *service = data;

        uv_stop(&service->loop);
}

static void on_deadline(uv_timer_t *timer) {
        struct service *service = timer->data;

        log_say(LOG_LEVEL_WARNING, "a task keeps %zu of the receiving threads waiting; ending without them",
                registry_alive(service->registry));
        uv_stop(&service->loop);
}

/* Calls that were received are answered first. What is with the keeper waits there for a successor. */
static void stop(struct service *service, bool dismiss) {
        if (service->stopping)
                return;
        service->stopping = true;
        service->dismiss = dismiss;
        atomic_store(&service->ready, false);
        manager_stopping();
        /* Who connects from now on is the successor's. */
        close_doors(service, !dismiss);
        uv_timer_start(&service->deadline, on_deadline, STOP_MS, 0);
        registry_stop(service->registry, !dismiss, on_stopped, service);
}

/* Is there anything that a successor could go on with? */
static bool leaves_nothing(const struct service *service) {
        size_t n = registry_kept(service->registry);

        for (size_t i = 0; i < OCI_MAX; i++)
                n += service->oci[i] ? oci_silent(service->oci[i]) : 0;
        return n == 0;
}

static void on_signal(uv_signal_t *signal, int number) {
        struct service *service = signal->data;
        size_t n = registry_alive(service->registry);
        bool dismiss = number == SIGINT || !service->keeper || leaves_nothing(service);

        if (n > 0)
                log_say(LOG_LEVEL_INFO,
                        dismiss ? "ending; %zu sessions end with it: notified calls fail with ENOSYS from "
                                  "now on"
                                : "ending; %zu sessions wait with the keeper for a successor",
                        n);
        stop(service, dismiss);
}

/* ---- requests ---- */

static bool reload(void *data, struct buf *lines) {
        struct service *service = data;
        struct diags diags = DIAGS_INIT;
        struct config *config;
        size_t n;
        int r;

        manager_reloading();
        r = config_read_file(service->options->config_path, &diags, &config);
        diags_put(&diags, lines, DIAG_WARNING);
        diags_deinit(&diags);
        if (r) {
                buf_puts(lines, r < 0 ? "the configuration could not be read; the old one stays in force\n"
                                      : "the old configuration stays in force\n");
                manager_ready("old configuration in force: the new one is wrong");
                return false;
        }
        /* Parts have these strings since the service began; they are the same after any number of reloads.
         */
        config_stay(config, service->config);
        r = publisher_configure(service->publisher, config);
        if (r)
                buf_puts(lines, "the outlets could not be changed and stay as they were\n");
        n = registry_configure(service->registry, config);
        if (service->agent)
                agent_configure(service->agent, config);
        config_free(service->retired);
        service->retired = service->config;
        service->config = config;
        buf_printf(lines,
                   "configuration read; %zu sessions changed\n"
                   "sockets, state folder and keeper stay as they were until a restart\n",
                   n);
        manager_ready("serving");
        return true;
}

static void on_hangup(uv_signal_t *signal, int number) {
        struct buf lines = BUF_INIT(65536);
        char *save = NULL;

        (void)number;
        reload(signal->data, &lines);
        buf_puts(&lines, "");
        for (char *line = strtok_r((char *)(uintptr_t)buf_string(&lines), "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                log_say(LOG_LEVEL_INFO, "reload: %s", line);
        buf_deinit(&lines);
}

static void drain(void *data) {
        struct service *service = data;

        service->draining = true;
        atomic_store(&service->ready, false);
        close_doors(service, false);
        manager_status("draining");
        if (registry_alive(service->registry) == 0)
                stop(service, true);
}

static void on_session_end(void *data) {
        struct service *service = data;

        if (service->draining && registry_alive(service->registry) == 0)
                stop(service, true);
}

static void hand_over(void *data, void (*done)(void *data, int r), void *done_data) {
        struct service *service = data;

        if (!service->keeper || service->stopping) {
                done(done_data, service->keeper ? -EALREADY : -ENOTSUP);
                return;
        }
        service->handed_over = done;
        service->handed_over_data = done_data;
        stop(service, false);
}

static const struct config *config_of(void *data) {
        struct service *service = data;

        return service->config;
}

static void on_final(void *data, struct registered *registered) {
        (void)data;
        registry_published(registered);
}

/* ---- sockets ---- */

static int take_socket(struct service *service, const char *name) {
        char kept[KEEPER_NAME_MAX];
        int fd = manager_take_fd(name), inherited;

        snprintf(kept, sizeof(kept), "socket-%s", name);
        inherited = inheritance_take(&service->inheritance, kept);
        if (fd < 0)
                return inherited;
        fd_close(inherited);
        return fd;
}

/* From the service manager, a predecessor, or newly made. */
static int open_socket(struct service *service, const struct config_socket *socket, const char *name,
                       int *ret) {
        char kept[KEEPER_NAME_MAX];
        int fd = take_socket(service, name), r = 0;

        if (fd < 0)
                r = sockets_open(socket, &fd);
        if (r == SOCKETS_E_SERVED)
                log_say(LOG_LEVEL_ERROR, "another service listens at %s; --replace takes over from it",
                        socket->path);
        else if (r)
                log_say(LOG_LEVEL_ERROR, "%s: cannot listen: %s", socket->path, strerror(-r));
        if (r)
                return r;
        snprintf(kept, sizeof(kept), "socket-%s", name);
        if (service->keeper)
                keeper_put(service->keeper, kept, &fd, 1);
        *ret = fd;
        return 0;
}

static bool may_control(void *data, uint32_t uid, uint32_t gid, int fd) {
        struct service *service = data;

        (void)uid;
        (void)gid;
        return sockets_may(&service->config->control, fd, NULL, NULL);
}

static int open_agent(struct service *service) {
        const struct agent_options options = {
                .loop = &service->loop,
                .kernel = &service->kernel,
                .registry = service->registry,
                .config = service->config,
                .clients = &service->clients,
        };
        int fd, r;

        if (!service->config->agent.path)
                return 0;
        r = open_socket(service, &service->config->agent, "agent", &fd);
        return r ? r : error_trace(agent_new(&options, fd, &service->agent));
}

static int open_oci(struct service *service) {
        for (size_t i = 0; i < service->config->n_oci && i < OCI_MAX; i++) {
                const struct oci_options options = {
                        .loop = &service->loop,
                        .kernel = &service->kernel,
                        .registry = service->registry,
                        .connections_max = service->config->limits.connections,
                        .connections_per_uid = service->config->limits.connections_per_uid,
                        .may = gate_may,
                        .keep = service->keeper ? gate_keep : NULL,
                        .drop = gate_drop,
                        .data = &service->gates[i],
                };
                char name[32];
                int fd, r;

                service->gates[i] = gate_of(&service->config->oci[i], i + 1, service->keeper);
                snprintf(name, sizeof(name), i ? "oci-%zu" : "oci", i + 1);
                r = open_socket(service, &service->config->oci[i], name, &fd);
                if (!r)
                        r = oci_new(&options, fd, &service->oci[i]);
                if (r)
                        return error_trace(r);
                while ((fd = gate_inherit(&service->gates[i], &service->inheritance)) >= 0)
                        oci_adopt(service->oci[i], fd);
        }
        return 0;
}

static int open_control(struct service *service) {
        const struct rpc_options options = {
                .loop = &service->loop,
                .registry = service->registry,
                .publisher = service->publisher,
                .service = { .reload = reload,
                             .drain = drain,
                             .hand_over = hand_over,
                             .config = config_of,
                             .data = service },
                .may = may_control,
                .data = service,
        };
        int fd, r;

        if (!service->config->control.path)
                return 0;
        r = open_socket(service, &service->config->control, "control", &fd);
        return r ? r : error_trace(rpc_new(&options, fd, &service->rpc));
}

static bool is_ready(void *data) {
        struct service *service = data;

        return atomic_load(&service->ready);
}

static bool is_healthy(void *data) {
        struct service *service = data;
        struct outlet_counts counts;
        char name[64];

        for (size_t i = 0; publisher_counts(service->publisher, i, name, sizeof(name), &counts); i++)
                if (!counts.healthy)
                        return false;
        return true;
}

static int open_metrics(struct service *service) {
        const struct metrics_options options = {
                .address = service->config->metrics,
                .registry = service->registry,
                .publisher = service->publisher,
                .keeper = service->keeper != NULL,
                .ready = is_ready,
                .healthy = is_healthy,
                .data = service,
        };
        int r = service->config->metrics ? metrics_new(&options, &service->metrics) : 0;

        if (r)
                log_say(LOG_LEVEL_ERROR, "metrics at %s: %s", service->config->metrics,
                        r < 0 ? strerror(-r) : "not a loopback address or unix socket");
        return r;
}

/* ---- begin ---- */

/* One session of a predecessor. What cannot be gone on with is let go: its tasks see ENOSYS, and are not let
 * through. */
static int take_session(struct service *service, struct kept *kept) {
        struct registration registration = { .sink_fd = -1 };
        struct registered *registered;
        struct adopted adopted;
        int r = adopt_read(kept, &service->kernel, &adopted);

        if (!r) {
                registration.adopted = &adopted;
                registration.origin = adopted.origin;
                registration.listener_fd = fd_take(&adopted.listener_fd);
                registration.uid = adopted.uid;
                registration.pid = adopted.pid;
                registration.labels = &adopted.labels;
                registration.metadata = adopted.metadata;
                r = registry_add(service->registry, &registration, &registered);
                fd_close(registration.listener_fd);
                adopted_deinit(&adopted);
        }
        if (r) {
                log_say(LOG_LEVEL_ERROR, "%s of a predecessor cannot be gone on with%s%s", kept->name,
                        r < 0 ? ": " : "", r < 0 ? error_describe(r) : "");
                keeper_drop(service->keeper, kept->name);
        }
        return r;
}

/* What a predecessor left. */
static int take_over(struct service *service) {
        size_t n_sessions = 0;
        int r = 0;

        while (service->keeper && r == 0) {
                struct kept kept;

                r = keeper_take(service->keeper, &kept);
                if (r)
                        break;
                if (strncmp(kept.name, "session-", 8) == 0)
                        n_sessions += take_session(service, &kept) == 0;
                else
                        r = inheritance_add(&service->inheritance, &kept);
        }
        if (n_sessions > 0)
                log_say(LOG_LEVEL_INFO, "took over %zu session%s", n_sessions, n_sessions == 1 ? "" : "s");
        return r < 0 ? error_trace(r) : 0;
}

static void on_watchdog(uv_timer_t *timer) {
        (void)timer;
        manager_watchdog();
}

static void watch(struct service *service) {
        static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };
        uint64_t period = manager_watchdog_ms();

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
                uv_signal_t *signal = &service->terminate + i;

                if (uv_signal_init(&service->loop, signal) != 0)
                        continue;
                signal->data = service;
                uv_signal_start(signal, numbers[i] == SIGHUP ? on_hangup : on_signal, numbers[i]);
        }
        uv_timer_init(&service->loop, &service->watchdog);
        uv_timer_init(&service->loop, &service->deadline);
        service->deadline.data = service;
        if (period > 0)
                uv_timer_start(&service->watchdog, on_watchdog, 0, period);
}

static int begin(struct service *service) {
        struct publisher_options publisher_options = {
                .config = service->config, .loop = &service->loop, .on_final = on_final, .data = service
        };
        struct registry_options registry_options = { .loop = &service->loop,
                                                     .kernel = &service->kernel,
                                                     .config = service->config,
                                                     .on_end = on_session_end,
                                                     .data = service };
        int r = publisher_new(&publisher_options, &service->publisher);
        if (r)
                return error_trace(r);
        registry_options.keeper = service->keeper;
        registry_options.state = service->config->state;
        registry_options.publisher = service->publisher;
        r = registry_new(&registry_options, &service->registry);
        if (r)
                return error_trace(r);
        watch(service);
        if (service->keeper)
                keeper_watch(service->keeper, &service->loop);
        r = take_over(service);
        if (!r)
                r = open_agent(service);
        if (!r)
                r = open_oci(service);
        if (!r)
                r = open_control(service);
        if (!r)
                r = open_metrics(service);
        inheritance_deinit(&service->inheritance, r ? NULL : service->keeper);
        return error_trace(r);
}

static void run(struct service *service) {
        size_t n_alive = registry_alive(service->registry);
        char status[128];

        if (!service->keeper)
                log_say(LOG_LEVEL_WARNING,
                        "no keeper: should callgated end, notified calls of all programs fail "
                        "with ENOSYS");
        snprintf(status, sizeof(status), "serving; %zu session%s taken over", n_alive,
                 n_alive == 1 ? "" : "s");
        atomic_store(&service->ready, true);
        manager_ready(status);
        log_say(LOG_LEVEL_INFO, "%s", status);
        uv_run(&service->loop, UV_RUN_DEFAULT);
}

/* Frees it; unless there are threads that tasks keep waiting: those need what there is until the process
 * ends. */
static void finish(struct service *service) {
        static struct service *left;

        if (service->handed_over)
                service->handed_over(service->handed_over_data, 0);
        if (service->registry)
                close_parts(service);
        service->publisher = service->publisher ? publisher_free(service->publisher, OUTLETS_MS) : NULL;
        if (service->keeper)
                keeper_watch(service->keeper, NULL);
        if (service->keeper && service->dismiss)
                keeper_dismiss(service->keeper);
        client_end_all(service->clients);
        uv_run(&service->loop, UV_RUN_NOWAIT);
        if (service->registry && registry_alive(service->registry) > 0) {
                left = service;
                (void)left; /* where a search for leaks finds it */
                return;
        }
        service->registry = registry_free(service->registry);
        while (uv_run(&service->loop, UV_RUN_NOWAIT))
                ;
        uv_loop_close(&service->loop);
        service->keeper = service->keeper ? keeper_free(service->keeper) : NULL;
        config_free(service->config);
        config_free(service->retired);
        free(service);
}

static int read_config(struct service *service) {
        struct diags diags = DIAGS_INIT;
        int r = config_read_file(service->options->config_path, &diags, &service->config);

        diags_print(&diags, stderr, DIAG_WARNING, false);
        diags_deinit(&diags);
        if (r < 0)
                log_say(LOG_LEVEL_ERROR, "%s: %s",
                        service->options->config_path ? service->options->config_path : "configuration",
                        strerror(-r));
        return r > 0 || r == -ENOENT ? EXIT_USAGE : r ? EXIT_TROUBLE : 0;
}

/* The state folder and who was here before us. */
static int prepare(struct service *service) {
        int r = sockets_make_folders(service->config->state);

        if (!r && mkdir(service->config->state, 0700) < 0 && errno != EEXIST)
                r = -errno;
        if (r) {
                log_say(LOG_LEVEL_ERROR, "%s: the state folder cannot be made: %s", service->config->state,
                        strerror(-r));
                return EXIT_TROUBLE;
        }
        if (service->options->replace)
                r = keeper_replace(service->config);
        if (!r)
                r = keeper_new(service->config, &service->keeper);
        if (r == -EBUSY)
                log_say(LOG_LEVEL_ERROR,
                        "another callgated runs with the state folder %s; --replace takes over "
                        "from it",
                        service->config->state);
        else if (r)
                log_say(LOG_LEVEL_ERROR, "the keeper: %s", error_describe(r));
        return r ? EXIT_TROUBLE : 0;
}

int service_run(const struct service_options *options) {
        struct service *service = calloc(1, sizeof(*service));
        int r;

        if (!service)
                return EXIT_TROUBLE;
        service->options = options;
        r = read_config(service);
        if (!r)
                r = prepare(service);
        if (!r && (kernel_linux(&service->kernel) != 0 || uv_loop_init(&service->loop) != 0)) {
                log_say(LOG_LEVEL_ERROR,
                        "this kernel has no user notifications for seccomp, or memory is short");
                r = EXIT_TROUBLE;
        }
        if (r) {
                config_free(service->config);
                free(service);
                return r;
        }
        r = begin(service);
        if (!r)
                run(service);
        else
                log_say(LOG_LEVEL_ERROR, "the service does not start: %s",
                        r < 0 ? error_describe(r) : "see above");
        finish(service);
        return r ? EXIT_TROUBLE : 0;
}
