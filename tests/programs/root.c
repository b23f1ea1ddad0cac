/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What root can do, and what it sees of it, as lines; in an empty directory. Nothing in them depends on the
 * machine, so a run as root of the machine says what a pretended one should.
 *     root            everything below
 *     root ids WORD   one line of ids, after WORD
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *name_of(int error) {
        static char number[16];

        switch (error) {
        case 0:
                return "0";
        case EPERM:
                return "EPERM";
        case ENOENT:
                return "ENOENT";
        case EEXIST:
                return "EEXIST";
        case EINVAL:
                return "EINVAL";
        case EACCES:
                return "EACCES";
        case EBADF:
                return "EBADF";
        case ENODATA:
                return "ENODATA";
        case ERANGE:
                return "ERANGE";
        case EFAULT:
                return "EFAULT";
        case ENOTDIR:
                return "ENOTDIR";
        case EISDIR:
                return "EISDIR";
        case ENOTEMPTY:
                return "ENOTEMPTY";
        case EOPNOTSUPP:
                return "EOPNOTSUPP";
        }
        snprintf(number, sizeof(number), "errno %d", error);
        return number;
}

static void say(const char *what, long result) {
        if (result < 0)
                printf("%s: %s\n", what, name_of(errno));
        else
                printf("%s: %ld\n", what, result);
        fflush(stdout);
}
#define SAY(call) say(#call, (long)(call))

/* ---- ids ---- */

static unsigned long long effective(void) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        if (syscall(SYS_capget, &header, data) < 0)
                return 0xdead;
        return data[0].effective | (unsigned long long)data[1].effective << 32;
}

static void ids(const char *when) {
        uid_t r, e, s;
        gid_t gr, ge, gs, groups[16];
        int n;

        getresuid(&r, &e, &s);
        getresgid(&gr, &ge, &gs);
        printf("%s: uid %u %u %u fs %d get %u %u gid %u %u %u fs %d get %u %u groups", when, r, e, s,
               setfsuid((uid_t)-1), getuid(), geteuid(), gr, ge, gs, setfsgid((gid_t)-1), getgid(),
               getegid());
        n = getgroups(16, groups);
        for (int i = 0; i < n; i++)
                printf(" %u", groups[i]);
        /* Which other capabilities a machine's root has is its own business. */
        printf(" chown %d setuid %d keep %d\n", (int)(effective() & 1), (int)(effective() >> 7 & 1),
               prctl(PR_GET_KEEPCAPS));
        fflush(stdout);
}

static char *self;

static void in_child(void (*run)(void)) {
        pid_t child = fork();

        if (child == 0) {
                run();
                fflush(stdout);
                _exit(0);
        }
        waitpid(child, NULL, 0);
}

static void exec_ids(const char *when) {
        pid_t child = vfork();

        if (child == 0) {
                execl(self, self, "ids", when, NULL);
                _exit(1);
        }
        waitpid(child, NULL, 0);
}

static void drop(void) {
        gid_t groups[] = { 34, 33 };

        SAY(setgroups(2, groups));
        SAY(setgid(33));
        SAY(setuid(33));
        ids("dropped");
        SAY(setuid(0));
        SAY(setgroups(0, NULL));
        SAY(chown("file", 0, 0));
        SAY(chmod("file", 0600));
        SAY(mknod("none", S_IFCHR | 0600, makedev(1, 3)));
        SAY(setxattr("file", "trusted.a", "x", 1, 0));
        exec_ids("dropped, execve");
}

static void back_and_forth(void) {
        SAY(seteuid(33));
        ids("seteuid");
        SAY(chown("file", 0, 0));
        SAY(seteuid(0));
        ids("seteuid back");
        SAY(setresuid(0, 33, 44));
        ids("setresuid");
        exec_ids("setresuid, execve");
        SAY(setreuid(-1, 0));
        ids("setreuid");
        SAY(setregid(5, 6));
        SAY(setresgid(-1, -1, 7));
        ids("groups");
        exec_ids("groups, execve");
}

static void keep(void) {
        SAY(prctl(PR_SET_KEEPCAPS, 2));
        SAY(prctl(PR_SET_KEEPCAPS, 1));
        SAY(setresuid(33, 33, 33));
        ids("kept");
        exec_ids("kept, execve");
        ids("kept, and still");
}

static void fs_ids(void) {
        printf("setfsuid: %d\n", setfsuid(33));
        printf("setfsuid: %d\n", setfsuid(0));
        setfsuid(33);
        setfsgid(44);
        ids("fs");
        SAY(mkdir("of-fs", 0755));
        SAY(close(open("of-fs-file", O_WRONLY | O_CREAT, 0600)));
        SAY(symlink("nowhere", "of-fs-link"));
        SAY(mknod("of-fs-fifo", S_IFIFO | 0600, 0));
}

static void *in_thread(void *data) {
        ids("thread");
        return data;
}

static void threads(void) {
        pthread_t thread;

        SAY(setuid(1)); /* the C library does it for all threads */
        pthread_create(&thread, NULL, in_thread, NULL);
        pthread_join(thread, NULL);
}

/* The child's ids are those of its birth, whatever its parent does then, and also when it is gone. */
static void orphan(void) {
        int fds[2], gone[2];
        char byte;

        if (pipe(fds) < 0 || pipe(gone) < 0)
                return;
        if (fork() == 0) {
                setuid(7);
                if (fork() == 0) {
                        close(gone[1]);
                        close(fds[0]);
                        if (read(gone[0], &byte, 1) < 0) /* until its parent has ended */
                                _exit(1);
                        ids("orphan");
                        _exit(0);
                }
                _exit(0);
        }
        close(fds[1]);
        close(gone[1]);
        wait(NULL);
        if (read(fds[0], &byte, 1) < 0) /* until it has ended */
                return;
        close(fds[0]);
        close(gone[0]);
        if (pipe(fds) < 0)
                return;
        if (fork() == 0) {
                close(fds[1]);
                if (read(fds[0], &byte, 1) < 0)
                        _exit(1);
                ids("child of one that drops");
                _exit(0);
        }
        SAY(setuid(8));
        close(fds[1]);
        wait(NULL);
}

static void capabilities(void) {
        struct __user_cap_header_struct header = { .version = 77 };
        struct __user_cap_data_struct data[2] = { 0 };

        SAY(syscall(SYS_capget, &header, NULL));
        printf("version %x\n", header.version);
        SAY(syscall(SYS_capget, &header, 8));
        data[0].permitted = 0xff;
        data[0].effective = 0xff;
        header.pid = getpid();
        SAY(syscall(SYS_capset, &header, data));
        ids("fewer");
        data[0].permitted = 0x1ff;
        SAY(syscall(SYS_capset, &header, data));
        header.pid = 1;
        SAY(syscall(SYS_capset, &header, data));
        SAY(prctl(PR_CAPBSET_READ, 0));
        SAY(prctl(PR_CAPBSET_READ, 200));
        SAY(prctl(PR_GET_SECUREBITS));
}

/* ---- files ---- */

static void show(const char *path) {
        struct stat st;
        struct statx stx;

        if (lstat(path, &st) < 0) {
                say(path, -1);
                return;
        }
        printf("%s: %o %u:%u", path, st.st_mode, st.st_uid, st.st_gid);
        if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
                printf(" device %u:%u size %ld", major(st.st_rdev), minor(st.st_rdev), (long)st.st_size);
        if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &stx) < 0 ||
            stx.stx_mode != st.st_mode || stx.stx_uid != st.st_uid || stx.stx_gid != st.st_gid ||
            makedev(stx.stx_rdev_major, stx.stx_rdev_minor) != st.st_rdev)
                printf(" and another by statx: %o %u:%u", stx.stx_mode, stx.stx_uid, stx.stx_gid);
        printf("\n");
        fflush(stdout);
}

static int make(const char *name) {
        return open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

static void owners(void) {
        struct stat st;
        int fd = make("file"), path_fd;

        show("file");
        SAY(chown("file", 33, 34));
        show("file");
        SAY(chown("file", -1, 35));
        SAY(fchown(fd, 36, -1));
        show("file");
        SAY(fstat(fd, &st));
        printf("fstat: %u:%u\n", st.st_uid, st.st_gid);
        path_fd = open("file", O_PATH);
        SAY(fchown(path_fd, 1, 1));
        SAY(fchownat(path_fd, "", 5, 6, AT_EMPTY_PATH));
        SAY(fchownat(AT_FDCWD, "file", 5, 6, 0x80000));
        SAY(fstatat(path_fd, "", &st, AT_EMPTY_PATH));
        printf("fstatat: %u:%u\n", st.st_uid, st.st_gid);
        close(path_fd);
        SAY(fchown(77, 1, 1));
        SAY(chown("nothing", 1, 1));
        SAY(chown("file/below", 1, 1));
        SAY(chown((char *)1, 1, 1));
        SAY(symlink("file", "link"));
        SAY(lchown("link", 40, 41));
        SAY(chown("link", 4000000000u, 3000000000u));
        show("link");
        show("file");
        SAY(chmod("file", 06711));
        SAY(chown("file", 1, 1));
        show("file");
        SAY(chmod("file", 02640));
        SAY(chown("file", 2, 2));
        show("file");
        close(fd);
}

static void modes(void) {
        char byte;
        int fd = make("mode");

        SAY(chmod("mode", 0));
        show("mode");
        SAY(write(fd, "x", 1));
        close(fd);
        fd = open("mode", O_RDONLY);
        SAY(read(fd, &byte, 1));
        SAY(fchmod(fd, 07777));
        close(fd);
        show("mode");
        SAY(fchmodat(AT_FDCWD, "mode", 04111, 0));
        show("mode");
        SAY(access("mode", R_OK | W_OK | X_OK));
        SAY(chmod("mode", 0));
        SAY(access("mode", R_OK | W_OK));
        SAY(access("mode", X_OK));
        SAY(access("mode", 64));
        SAY(access("nothing", R_OK));
        SAY(mkdir("folder", 0));
        show("folder");
        SAY(close(open("folder/in", O_WRONLY | O_CREAT, 0)));
        show("folder/in");
        SAY(close(open("folder/in", O_RDWR)));
        SAY(chown("folder", 0, 50));
        SAY(chmod("folder", 02775));
        SAY(mkdir("folder/sub", 0755));
        SAY(close(open("folder/in2", O_WRONLY | O_CREAT | O_EXCL, 0640)));
        show("folder/sub");
        show("folder/in2");
        SAY(symlink("nowhere", "folder/link"));
        show("folder/link");
        SAY(mkdir("folder", 0755));
        SAY(mkdir("folder/", 0755));
        SAY(mkdir("slash/", 01755));
        show("slash");
        umask(0777);
        SAY(mkdir("dark", 0777));
        SAY(close(open("dark/in", O_WRONLY | O_CREAT, 0666)));
        show("dark");
        show("dark/in");
        umask(022);
}

static void devices(void) {
        SAY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
        SAY(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
        SAY(mknod("sda", S_IFBLK | 0660, makedev(8, 70000)));
        SAY(mknod("plain", S_IFREG | 04755, 0));
        SAY(mknod("plain2", 0600, 0));
        SAY(mknod("fifo", S_IFIFO | 0620, 0));
        SAY(mknod("bad", S_IFDIR | 0755, 0));
        SAY(mknod("bad", 0170000, 0));
        SAY(mknod("nothing/bad", S_IFCHR, 0));
        SAY(mknod("trailing/", S_IFCHR, 0));
        show("null");
        show("sda");
        show("plain");
        show("plain2");
        show("fifo");
        SAY(chown("null", 1, 5));
        SAY(chmod("null", 0600));
        SAY(link("null", "null2"));
        SAY(rename("null", "other"));
        show("null2");
        show("other");
        SAY(unlink("null2"));
        SAY(unlink("other"));
        SAY(close(make("null")));
        show("null");
        SAY(rename("sda", "null"));
        show("null");
        SAY(close(make("sda")));
        SAY(rename("sda", "null"));
        show("null");
        SAY(rmdir("folder"));
        SAY(unlink("folder"));
}

static void attributes(void) {
        static const unsigned char caps[20] = { 0, 0, 0, 2, 1 };
        char value[64], list[256];
        ssize_t n;

        SAY(close(make("attr")));
        SAY(getxattr("attr", "security.capability", value, sizeof(value)));
        SAY(setxattr("attr", "security.capability", "junk", 4, 0));
        SAY(setxattr("attr", "security.capability", caps, sizeof(caps), XATTR_REPLACE));
        SAY(setxattr("attr", "security.capability", caps, sizeof(caps), 0));
        SAY(setxattr("attr", "security.capability", caps, sizeof(caps), XATTR_CREATE));
        SAY(setxattr("attr", "trusted.a", "value", 5, 0));
        SAY(getxattr("attr", "security.capability", NULL, 0));
        SAY(getxattr("attr", "security.capability", value, 3));
        SAY(getxattr("attr", "security.capability", value, sizeof(value)));
        SAY(getxattr("attr", "trusted.a", value, sizeof(value)));
        SAY(memcmp(value, "value", 5));
        n = listxattr("attr", list, sizeof(list));
        printf("listed:");
        for (unsigned i = 0; i < 2; i++) /* their order is the file system's */
                for (ssize_t at = 0; at < n; at += (ssize_t)strlen(list + at) + 1)
                        if (strcmp(list + at, i ? "trusted.a" : "security.capability") == 0)
                                printf(" %s", list + at);
        printf("\n");
        SAY(removexattr("attr", "trusted.a"));
        SAY(removexattr("attr", "trusted.a"));
        SAY(chown("attr", 1, 1));
        SAY(getxattr("attr", "security.capability", value, sizeof(value)));
        SAY(utimensat(AT_FDCWD, "attr", NULL, 0));
}

static void limits(void) {
        struct rlimit limit = { 5, 6 };

        SAY(getrlimit(RLIMIT_LOCKS, &limit));
        printf("locks: soft and hard %s\n", limit.rlim_cur == limit.rlim_max ? "the same" : "differ");
        in_child(drop);
}

int main(int argc, char **argv) {
        self = argv[0];
        umask(022);
        if (argc > 2) {
                ids(argv[2]);
                return 0;
        }
        setgroups(1, (gid_t[]){ 0 });
        SAY(chmod(".", 0777));
        ids("start");
        owners();
        SAY(chown("file", 0, 0));
        SAY(chmod("file", 0644));
        in_child(drop);
        in_child(back_and_forth);
        in_child(keep);
        in_child(fs_ids);
        show("of-fs");
        show("of-fs-file");
        show("of-fs-link");
        show("of-fs-fifo");
        in_child(threads);
        in_child(orphan);
        in_child(capabilities);
        modes();
        devices();
        attributes();
        limits();
        exec_ids("still root");
        return 0;
}
