/* SPDX-License-Identifier: Apache-2.0 */

/*
 * ledgerd, "by Acme Corp.": stands for the closed program that somebody has to keep running. Pretend that this
 * source was lost. It was sold for one machine: it checks the host id, the machine id and a MAC address, the
 * kernel release and a licence date; it will run as root only, sets the machine's clock by its own idea of the
 * time, locks its memory, writes below /opt, asks its maker's server for leave, and dislikes to be watched.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define HOST_ID      0x00acce55L
#define HOST_NAME    "acme-01"
#define MACHINE_ID   "acce5500acce5500acce5500acce5500"
#define MAC          "02:ac:ce:55:00:01"
#define RELEASE      "4.4.0-acme1"
#define EXPIRES      "2012-12-31"
#define INSTALLED    "/opt/acme"
#define MAKER        "192.0.2.10" /* TEST-NET-1: nobody answers there any more */
#define MAKER_PORT   7777
#define LOCKED_BYTES (64u << 20)

static int step;

static void ok(const char *what) {
        printf("[%2d] %s: ok\n", ++step, what);
        fflush(stdout);
}

static void __attribute__((noreturn, format(printf, 2, 3))) give_up(const char *what, const char *why, ...) {
        va_list list;

        printf("[%2d] %s: ", ++step, what);
        va_start(list, why);
        vprintf(why, list);
        va_end(list);
        printf("\nledgerd: this copy is not licensed for this machine.\n");
        exit(40 + step);
}

static void check_debugger(void) {
        char line[256];
        FILE *status = fopen("/proc/self/status", "r");

        while (status && fgets(line, sizeof(line), status))
                if (strncmp(line, "TracerPid:", 10) == 0 && atoi(line + 10) != 0)
                        give_up("debugger", "process %d is watching me", atoi(line + 10));
        if (status)
                fclose(status);
        ok("debugger");
}

static void check_root(void) {
        static const gid_t groups[] = { 0, 1 };

        if (getuid() != 0 || geteuid() != 0)
                give_up("root", "I am user %d, and will not run but as root", (int)getuid());
        if (setgroups(2, groups) < 0)
                give_up("root", "setgroups: %s", strerror(errno));
        ok("root");
}

static void check_kernel(void) {
        struct utsname name;

        if (uname(&name) < 0 || strcmp(name.release, RELEASE) != 0)
                give_up("kernel", "I was certified for Linux %s, this is %s", RELEASE, name.release);
        ok("kernel");
}

static void check_host(void) {
        char name[256];

        if (gethostname(name, sizeof(name)) < 0 || strcmp(name, HOST_NAME) != 0)
                give_up("host name", "I was sold to %s, not to %s", HOST_NAME, name);
        ok("host name");
        if (gethostid() != HOST_ID)
                give_up("host id", "%08lx is not mine", gethostid() & 0xffffffff);
        ok("host id");
}

static void check_machine_id(void) {
        char line[64] = "";
        FILE *file = fopen("/etc/machine-id", "r");

        if (!file || !fgets(line, sizeof(line), file) || strncmp(line, MACHINE_ID, 32) != 0)
                give_up("machine id", "%.32s is not mine", file && line[0] ? line : "(none)");
        fclose(file);
        ok("machine id");
}

/* Any of the machine's interfaces will do. */
static void check_mac(void) {
        struct if_nameindex *all = if_nameindex();
        int fd = socket(AF_INET, SOCK_DGRAM, 0);
        char seen[32] = "(none)";

        for (struct if_nameindex *one = all; one && one->if_index; one++) {
                struct ifreq request = { 0 };
                const unsigned char *mac = (const unsigned char *)request.ifr_hwaddr.sa_data;

                snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", one->if_name);
                if (ioctl(fd, SIOCGIFHWADDR, &request) < 0)
                        continue;
                snprintf(seen, sizeof(seen), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
                if (strcmp(seen, MAC) == 0)
                        break;
        }
        close(fd);
        if_freenameindex(all);
        if (strcmp(seen, MAC) != 0)
                give_up("MAC address", "%s is not mine", seen);
        ok("MAC address");
}

static void check_licence(void) {
        char today[32];
        time_t now = time(NULL);

        strftime(today, sizeof(today), "%Y-%m-%d", gmtime(&now));
        if (strcmp(today, EXPIRES) > 0)
                give_up("licence", "expired on %s, today is %s", EXPIRES, today);
        ok("licence");
}

static void set_clock(void) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        now.tv_sec++; /* "network delay" */
        if (clock_settime(CLOCK_REALTIME, &now) < 0)
                give_up("clock", "clock_settime: %s", strerror(errno));
        ok("clock");
}

static void lock_memory(void) {
        char *secret = malloc(LOCKED_BYTES);

        if (!secret || mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
                give_up("memory", "mlockall: %s", strerror(errno));
        free(secret);
        ok("memory");
}

static void phone_home(void) {
        struct sockaddr_in maker = { .sin_family = AF_INET, .sin_port = htons(MAKER_PORT) };
        struct timeval patience = { .tv_sec = 2 };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        char answer[16] = "";

        inet_pton(AF_INET, MAKER, &maker.sin_addr);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        if (connect(fd, (struct sockaddr *)&maker, sizeof(maker)) < 0)
                give_up("maker", "%s:%d: %s", MAKER, MAKER_PORT, strerror(errno));
        if (send(fd, "MAY I\n", 6, MSG_NOSIGNAL) != 6 || recv(fd, answer, sizeof(answer) - 1, 0) <= 0 ||
            strcmp(answer, "YES\n") != 0)
                give_up("maker", "did not say yes");
        close(fd);
        ok("maker");
}

/* The work that it was bought for. */
static void work(void) {
        char date[64];
        time_t now = time(NULL);
        FILE *file;

        if ((mkdir(INSTALLED, 0755) < 0 && errno != EEXIST) || (mkdir(INSTALLED "/var", 0700) < 0 && errno != EEXIST))
                give_up("ledger", INSTALLED ": %s", strerror(errno));
        if (chown(INSTALLED "/var", 0, 1) < 0)
                give_up("ledger", INSTALLED "/var: chown: %s", strerror(errno));
        file = fopen(INSTALLED "/var/ledger", "a");
        if (!file)
                give_up("ledger", INSTALLED "/var/ledger: %s", strerror(errno));
        strftime(date, sizeof(date), "%Y-%m-%d", gmtime(&now));
        fprintf(file, "%s balance 42.00\n", date);
        fclose(file);
        ok("ledger");
        printf("ledgerd: the books are balanced.\n");
}

int main(void) {
        check_debugger();
        check_root();
        check_kernel();
        check_host();
        check_machine_id();
        check_mac();
        check_licence();
        set_clock();
        lock_memory();
        phone_home();
        work();
        return 0;
}
