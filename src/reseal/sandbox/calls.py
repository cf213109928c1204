"""The system calls that a worker may make, and those that a third-party program may not."""

from __future__ import annotations

#: What Python, libntfs-3g, libnbd and libwim need to work on files, memory, time and threads of their own.
ALLOWED = (
    # Files that are open, or that Landlock lets open.
    *("read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "preadv2"),
    *("pwritev2", "close", "close_range", "open", "openat", "openat2", "creat", "lseek", "_llseek"),
    *("stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat"),
    *(
        "faccessat2",
        "readlink",
        "readlinkat",
        "getdents",
        "getdents64",
        "getcwd",
        "chdir",
        "fchdir",
    ),
    *("rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "unlink", "unlinkat"),
    *("link", "linkat", "symlink", "symlinkat", "truncate", "ftruncate", "fallocate", "umask"),
    *("fsync", "fdatasync", "sync_file_range", "syncfs", "fadvise64", "readahead"),
    *("copy_file_range", "sendfile", "splice", "tee", "fcntl", "flock", "dup", "dup2", "dup3"),
    *("pipe", "pipe2", "select", "pselect6", "poll", "ppoll", "eventfd", "eventfd2"),
    *("epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2"),
    # Its own memory, time, signals and threads.
    *("mmap", "mprotect", "munmap", "mremap", "madvise", "brk", "msync", "mincore", "membarrier"),
    *("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigtimedwait"),
    *(
        "rt_sigsuspend",
        "sigaltstack",
        "restart_syscall",
        "kill",
        "tgkill",
        "getitimer",
        "setitimer",
    ),
    *("nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time"),
    *("futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq"),
    *(
        "arch_prctl",
        "memfd_create",
        "sched_yield",
        "sched_getaffinity",
        "getcpu",
        "exit",
        "exit_group",
    ),
    *("getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getgroups"),
    *("getresuid", "getresgid", "getpgrp", "getpgid", "getsid", "uname", "sysinfo", "times"),
    *("getrlimit", "setrlimit", "prlimit64", "getrusage", "getrandom", "wait4", "waitid"),
    # Sockets that are connected already.
    *("sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown"),
    *("getsockopt", "setsockopt", "getsockname", "getpeername"),
)
#: Additional calls for work on a folder, and for writing files of the host.
ATTRIBUTES = (
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat"),
    *("utime", "utimes", "futimesat", "utimensat"),
    *("getxattr", "lgetxattr", "fgetxattr", "listxattr", "llistxattr", "flistxattr"),
    *("setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"),
)
#: PR_SET_NAME, PR_GET_NAME, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_CAPBSET_READ and PR_SET_VMA
#: (linux/prctl.h).
PRCTL = (15, 16, 3, 4, 23, 0x53564D41)
#: TCGETS (is it a terminal?), FIONREAD, FIONBIO, FIONCLEX, FIOCLEX, FICLONE, FICLONERANGE. Not TIOCSTI.
IOCTL = (0x5401, 0x541B, 0x5421, 0x5450, 0x5451, 0x40049409, 0x4020940D)

CLONE3 = 435
#: By processor: the number of `connect`.
CONNECT = {"x86_64": 42, "aarch64": 203}
#: By processor: the number of `socket`, the refused calls, and the calls that start programs.
REFUSED = {
    "x86_64": (
        41,
        (
            *(101, 310, 311, 312),  # ptrace, process_vm_readv and _writev, kcmp
            *(155, 161, 165, 166, 272, 308),  # pivot_root, chroot, mount, umount2, unshare, setns
            *(103, 135, 159, 163, 164, 167, 168, 169, 170, 171),  # syslog … setdomainname
            *(172, 173, 175, 176, 179, 227, 246, 305, 313, 320),  # iopl … kexec_file_load
            *(248, 249, 250, 298, 304, 321, 323),  # keys, perf, open_by_handle_at, bpf, userfaultfd
            *(200, 141, 251, 142, 144, 203, 314),  # tkill, priorities and schedulers
            *(133, 259, 300, 301, 253, 294, 254),  # mknod, fanotify, inotify
            *(90, 91, 268, 92, 93, 94, 260),  # chmod and chown
            *(132, 235, 261, 280),  # utime
            *(188, 189, 190, 197, 198, 199),  # setxattr and removexattr
        ),
        (59, 322),
    ),
    "aarch64": (
        198,
        (
            *(117, 270, 271, 272),
            *(41, 51, 40, 39, 97, 268),
            *(116, 92, 171, 89, 170, 224, 225, 142, 161, 162),
            *(105, 106, 60, 112, 104, 266, 273, 294),
            *(217, 218, 219, 241, 265, 280, 282),
            *(130, 140, 30, 118, 119, 122, 274),
            *(33, 262, 263, 26, 27),
            *(52, 53, 54, 55),
            *(88,),
            *(5, 6, 7, 14, 15, 16),
        ),
        (221, 281),
    ),
}
#: The same everywhere: io_uring (which opens sockets unseen), the new mount calls, pidfd_open,
#: pidfd_getfd and pidfd_send_signal, process_madvise, mount_setattr.
REFUSED_ANYWHERE = (424, 425, 426, 427, 428, 429, 430, 431, 432, 433, 434, 438, 440, 442)
#: Calls with higher numbers (fchmodat2, setxattrat and so on) do not exist for third-party programs.
NEWEST = 451
