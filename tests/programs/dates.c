/* SPDX-License-Identifier: Apache-2.0 */

/*
 * dates read             every clock that tells the date, by library and by plain call: "name seconds" lines
 * dates wait             every way to wait for a date 0.3 s ahead: "name milliseconds" by CLOCK_MONOTONIC,
 * or "name: what went wrong" dates wake             waits for an hour that somebody ends at once: "name
 * milliseconds" dates pool N           N threads that wait for the same date 0.5 s ahead: milliseconds of
 * the first and the last
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define AHEAD_MS 300

static long long monotonic_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static struct timespec date_in(long ms) {
        struct timespec at;

        clock_gettime(CLOCK_REALTIME, &at);
        at.tv_sec += ms / 1000;
        at.tv_nsec += ms % 1000 * 1000000;
        if (at.tv_nsec >= 1000000000) {
                at.tv_nsec -= 1000000000;
                at.tv_sec++;
        }
        return at;
}

/* ---- reading ---- */

/* The page at a fixed address that programs called before there was a vDSO; machines may have it turned off.
 */
static void read_legacy(void) {
#ifdef __x86_64__
        long (*legacy_time)(long *) = (long (*)(long *))0xffffffffff600400;
        FILE *maps = fopen("/proc/self/maps", "r");
        char line[512];
        int found = 0;

        while (maps && fgets(line, sizeof(line), maps))
                found |= strstr(line, "x") && strstr(line, "[vsyscall]");
        if (maps)
                fclose(maps);
        if (found)
                printf("vsyscall %ld\n", legacy_time(NULL));
#endif
}

static void read_all(void) {
        static const struct {
                const char *name;
                clockid_t clock;
        } clocks[] = { { "realtime", CLOCK_REALTIME }, { "coarse", CLOCK_REALTIME_COARSE }, { "tai", 11 } };
        struct timespec now;
        struct timeval day;
        struct timex timex = { 0 };
        long words[4];

        adjtimex(&timex);
        for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
                /* TAI is ahead by as many seconds as the machine was told that it is, if it was. */
                long ahead = clocks[i].clock == 11 ? timex.tai : 0;

                clock_gettime(clocks[i].clock, &now);
                printf("%s %lld\n", clocks[i].name, (long long)now.tv_sec - ahead);
                memset(words, 0, sizeof(words));
                syscall(SYS_clock_gettime, clocks[i].clock, words);
                printf("%s-call %lld\n", clocks[i].name, (long long)words[0] - ahead);
        }
        printf("time %lld\n", (long long)time(NULL));
        printf("time-call %lld\n", (long long)syscall(SYS_time, NULL));
        gettimeofday(&day, NULL);
        printf("gettimeofday %lld\n", (long long)day.tv_sec);
        memset(words, 0, sizeof(words));
        syscall(SYS_gettimeofday, words, NULL);
        printf("gettimeofday-call %lld\n", (long long)words[0]);
        read_legacy();
        timex = (struct timex){ 0 };
        adjtimex(&timex);
        printf("adjtimex %lld\n", (long long)timex.time.tv_sec);
#ifdef SYS_clock_gettime64
        long long wide[2] = { 0 };

        syscall(SYS_clock_gettime64, CLOCK_REALTIME, wide);
        printf("clock_gettime64-call %lld\n", wide[0]);
#endif
}

/* ---- waiting: 0, or what errno says ---- */

static int by_sleep(const struct timespec *at) {
        return clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, at, NULL);
}

static int by_timerfd(const struct timespec *at) {
        struct itimerspec timer = { .it_value = *at };
        int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC);
        struct pollfd pollfd = { .fd = fd, .events = POLLIN };
        int r = timerfd_settime(fd, TFD_TIMER_ABSTIME, &timer, NULL) < 0 ? errno
                : poll(&pollfd, 1, 30000) == 1                           ? 0
                                                                         : ETIME;

        close(fd);
        return r;
}

static int by_cond(const struct timespec *at) {
        pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
        pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
        int r;

        pthread_mutex_lock(&mutex);
        do
                r = pthread_cond_timedwait(&cond, &mutex, at);
        while (r == 0);
        pthread_mutex_unlock(&mutex);
        return r == ETIMEDOUT ? 0 : r;
}

static int by_sem(const struct timespec *at) {
        sem_t sem;

        sem_init(&sem, 0, 0);
        return sem_timedwait(&sem, at) == 0 ? EBADMSG : errno == ETIMEDOUT ? 0 : errno;
}

static int by_mutex(const struct timespec *at) {
        pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
        int r;

        pthread_mutex_lock(&mutex);
        r = pthread_mutex_timedlock(&mutex, at);
        return r == ETIMEDOUT ? 0 : r;
}

static int by_mq(const struct timespec *at) {
        struct mq_attr attr = { .mq_maxmsg = 1, .mq_msgsize = 16 };
        char name[64], message[16];
        mqd_t queue;
        int r;

        snprintf(name, sizeof(name), "/callgate-dates-%d", (int)getpid());
        queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
        if (queue == (mqd_t)-1)
                return errno;
        mq_unlink(name);
        r = mq_timedreceive(queue, message, sizeof(message), NULL, at) >= 0 ? EBADMSG : errno;
        if (r == ETIMEDOUT &&
            (mq_send(queue, "x", 1, 3) < 0 || mq_timedsend(queue, "y", 1, 3, at) == 0 || errno != ETIMEDOUT))
                r = EBADMSG;
        if (r == ETIMEDOUT &&
            (mq_timedreceive(queue, message, sizeof(message), NULL, at) != 1 || message[0] != 'x'))
                r = EBADMSG;
        mq_close(queue);
        return r == ETIMEDOUT ? 0 : r;
}

static int by_timer(const struct timespec *at) {
        struct itimerspec timer = { .it_value = *at };
        struct sigevent event = { .sigev_notify = SIGEV_NONE };
        timer_t id;
        int r = timer_create(CLOCK_REALTIME, &event, &id) < 0 ? errno : 0;

        if (r == 0) {
                r = timer_settime(id, TIMER_ABSTIME, &timer, NULL) < 0 ? errno : 0;
                for (int i = 0; r == 0 && i < 3000; i++) {
                        timer_gettime(id, &timer);
                        if (timer.it_value.tv_sec == 0 && timer.it_value.tv_nsec == 0)
                                break;
                        usleep(10000);
                }
                timer_delete(id);
        }
        return r;
}

static int by_relative(const struct timespec *at) { /* needs nobody's help, and must not get any */
        struct timespec span = { .tv_nsec = AHEAD_MS * 1000000 };

        (void)at;
        return clock_nanosleep(CLOCK_REALTIME, 0, &span, NULL);
}

static void wait_all(void) {
        static const struct {
                const char *name;
                int (*wait)(const struct timespec *at);
        } ways[] = {
                { "clock_nanosleep", by_sleep }, { "timerfd", by_timerfd }, { "pthread_cond", by_cond },
                { "semaphore", by_sem },         { "mutex", by_mutex },     { "mqueue", by_mq },
                { "timer", by_timer },           { "span", by_relative },
        };

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                long long before = monotonic_ms();
                struct timespec at = date_in(AHEAD_MS);
                int r = ways[i].wait(&at);

                if (r)
                        printf("%s: %s\n", ways[i].name, strerror(r));
                else
                        printf("%s %lld\n", ways[i].name, monotonic_ms() - before);
                fflush(stdout);
        }
}

/* ---- being woken ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static sem_t posted;
static int ready, woken;

static void on_signal(int signal) {
        (void)signal;
}

static void *wake(void *data) {
        usleep(100000);
        pthread_mutex_lock(&lock);
        ready = 1;
        pthread_cond_signal(&changed);
        pthread_mutex_unlock(&lock);
        usleep(100000);
        sem_post(&posted);
        /* Not once: the first may come before the call that it is to end. */
        while (!__atomic_load_n(&woken, __ATOMIC_SEQ_CST)) {
                usleep(100000);
                pthread_kill(*(pthread_t *)data, SIGUSR1);
        }
        return NULL;
}

static void wake_all(void) {
        struct sigaction action = { .sa_handler = on_signal };
        struct timespec at = date_in(3600 * 1000);
        pthread_t self = pthread_self(), thread;
        long long before = monotonic_ms();
        int r = 0;

        sem_init(&posted, 0, 0);
        sigaction(SIGUSR1, &action, NULL);
        pthread_create(&thread, NULL, wake, &self);
        pthread_mutex_lock(&lock);
        while (!ready && r == 0)
                r = pthread_cond_timedwait(&changed, &lock, &at);
        pthread_mutex_unlock(&lock);
        printf("cond %s %lld\n", strerror(r), monotonic_ms() - before);
        r = sem_timedwait(&posted, &at) < 0 ? errno : 0;
        printf("sem %s %lld\n", strerror(r), monotonic_ms() - before);
        fflush(stdout);
        r = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
        __atomic_store_n(&woken, 1, __ATOMIC_SEQ_CST);
        printf("sleep %s %lld\n", strerror(r), monotonic_ms() - before);
        pthread_join(thread, NULL);
}

/* ---- a pool ---- */

static struct timespec pool_date;
static long long pool_start;

static void *pool_member(void *data) {
        int r = by_cond(&pool_date);

        *(long long *)data = r ? -r : monotonic_ms() - pool_start;
        return NULL;
}

static void run_pool(int n) {
        pthread_t *threads = calloc((size_t)n, sizeof(*threads));
        long long *spans = calloc((size_t)n, sizeof(*spans)), first = 1LL << 60, last = 0;

        pool_start = monotonic_ms();
        pool_date = date_in(500);
        for (int i = 0; i < n; i++)
                pthread_create(&threads[i], NULL, pool_member, &spans[i]);
        for (int i = 0; i < n; i++) {
                pthread_join(threads[i], NULL);
                first = spans[i] < first ? spans[i] : first;
                last = spans[i] > last ? spans[i] : last;
        }
        printf("%lld %lld\n", first, last);
        free(threads);
        free(spans);
}

int main(int argc, char **argv) {
        const char *what = argc > 1 ? argv[1] : "";

        if (strcmp(what, "read") == 0)
                read_all();
        else if (strcmp(what, "wait") == 0)
                wait_all();
        else if (strcmp(what, "wake") == 0)
                wake_all();
        else if (strcmp(what, "pool") == 0 && argc > 2)
                run_pool(atoi(argv[2]));
        else
                return 2;
        return 0;
}
