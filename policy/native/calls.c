/* SPDX-License-Identifier: Apache-2.0 */

/* Families and abilities of calls, and the emulations, as rows. */

#include "policy/native/calls.h"

#include <string.h>

#define PATH      POLICY_CALL_PATH
#define ADDRESS   POLICY_CALL_ADDRESS
#define PERFORMED POLICY_CALL_PERFORMED
#define OPENS     (POLICY_CALL_OPENS | POLICY_CALL_CONTENT)
#define SHOWS     POLICY_CALL_CONTENT
#define REDIRECT  POLICY_CALL_REDIRECT
#define BY_PATH   (PATH | PERFORMED | REDIRECT)
#define BY_SOCKET (ADDRESS | PERFORMED | REDIRECT)

const struct policy_call policy_calls[] = {
        { "open", "open files", BY_PATH | OPENS },
        { "openat", "open files", BY_PATH | OPENS },
        { "openat2", "open files", BY_PATH | OPENS },
        { "creat", "open files", BY_PATH | OPENS },
        { "stat", "stat files", BY_PATH | SHOWS },
        { "lstat", "stat files", BY_PATH | SHOWS },
        { "stat64", "stat files", BY_PATH | SHOWS },
        { "lstat64", "stat files", BY_PATH | SHOWS },
        { "newfstatat", "stat files", BY_PATH | SHOWS },
        { "fstatat64", "stat files", BY_PATH | SHOWS },
        { "statx", "stat files", BY_PATH | SHOWS },
        { "access", "access files", BY_PATH | SHOWS },
        { "faccessat", "access files", BY_PATH | SHOWS },
        { "faccessat2", "access files", BY_PATH | SHOWS },
        { "readlink", "readlink files", BY_PATH },
        { "readlinkat", "readlink files", BY_PATH },
        { "statfs", "statfs files", BY_PATH },
        { "statfs64", "statfs files", BY_PATH },
        { "truncate", "write files", BY_PATH },
        { "truncate64", "write files", BY_PATH },
        { "mkdir", "names files", BY_PATH },
        { "mkdirat", "names files", BY_PATH },
        { "rmdir", "names files", BY_PATH },
        { "unlink", "names files", BY_PATH },
        { "unlinkat", "names files", BY_PATH },
        { "rename", "names files", BY_PATH },
        { "renameat", "names files", BY_PATH },
        { "renameat2", "names files", BY_PATH },
        { "link", "names files", BY_PATH },
        { "linkat", "names files", BY_PATH },
        { "symlink", "names files", BY_PATH },
        { "symlinkat", "names files", BY_PATH },
        { "mknod", "names files", BY_PATH },
        { "mknodat", "names files", BY_PATH },
        { "chmod", "attributes files", BY_PATH },
        { "fchmodat", "attributes files", BY_PATH },
        { "fchmodat2", "attributes files", BY_PATH },
        { "chown", "attributes files", BY_PATH },
        { "lchown", "attributes files", BY_PATH },
        { "chown32", "attributes files", BY_PATH },
        { "lchown32", "attributes files", BY_PATH },
        { "fchownat", "attributes files", BY_PATH },
        { "utime", "attributes files", BY_PATH },
        { "utimes", "attributes files", BY_PATH },
        { "futimesat", "attributes files", BY_PATH },
        { "utimensat", "attributes files", BY_PATH },
        { "utimensat_time64", "attributes files", BY_PATH },
        { "setxattr", "xattr files", BY_PATH },
        { "lsetxattr", "xattr files", BY_PATH },
        { "getxattr", "xattr files", BY_PATH },
        { "lgetxattr", "xattr files", BY_PATH },
        { "listxattr", "xattr files", BY_PATH },
        { "llistxattr", "xattr files", BY_PATH },
        { "removexattr", "xattr files", BY_PATH },
        { "lremovexattr", "xattr files", BY_PATH },
        { "setxattrat", "xattr files", BY_PATH },
        { "getxattrat", "xattr files", BY_PATH },
        { "listxattrat", "xattr files", BY_PATH },
        { "removexattrat", "xattr files", BY_PATH },
        { "inotify_add_watch", "watch files", BY_PATH },
        { "chdir", "chdir", PATH },
        { "execve", "exec", PATH },
        { "execveat", "exec", PATH },
        { "connect", "connect net", BY_SOCKET },
        { "bind", "bind net", BY_SOCKET },
        { "sendto", "send net", BY_SOCKET },
        { "sendmsg", "send net", BY_SOCKET },
        { "sendmmsg", "send net", BY_SOCKET },
};
const size_t policy_calls_n = sizeof(policy_calls) / sizeof(policy_calls[0]);

const struct policy_family policy_families[] = {
        { "files",
          "every call that takes a path, but for chdir and exec: those nobody can carry out for another "
          "process",
          "chdir exec" },
        { "open", "opening by path",
          "stat access readlink statfs write names attributes xattr watch chdir exec" },
        { "stat", "asking about a path",
          "open access readlink statfs write names attributes xattr watch chdir exec" },
        { "access", "asking whether a path may be used", "open stat readlink names attributes exec" },
        { "readlink", "reading symbolic links", "open stat access names" },
        { "statfs", "asking about file systems", NULL },
        { "write", "changing a file's size by path", "open names attributes" },
        { "names", "making, removing and moving names", "open write attributes xattr" },
        { "attributes", "owner, mode and times", "open names xattr write" },
        { "xattr", "extended attributes by path", "attributes open names" },
        { "watch", "inotify by path", "open stat" },
        { "chdir", "changing the working directory", "open" },
        { "exec", "starting programs", "open" },
        { "net", "every call that takes a socket address", NULL },
        { "connect", "connecting", "bind send" },
        { "bind", "taking an address", "connect send" },
        { "send", "sending to an address", "connect bind" },
};
const size_t policy_families_n = sizeof(policy_families) / sizeof(policy_families[0]);

const struct policy_call *policy_call_by_name(const char *name) {
        for (size_t i = 0; i < policy_calls_n; i++)
                if (strcmp(policy_calls[i].name, name) == 0)
                        return &policy_calls[i];
        return NULL;
}

bool policy_call_in_family(const struct policy_call *call, const char *family) {
        size_t n = strlen(family);

        for (const char *at = call->families; (at = strstr(at, family)); at += n)
                if ((at == call->families || at[-1] == ' ') && (at[n] == 0 || at[n] == ' '))
                        return true;
        return false;
}
