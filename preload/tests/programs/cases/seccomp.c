/* seccomp MORE: allocates under a filter that refuses all system calls but a few, and those
   named in MORE. */
#include "case.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
int main(int count, char **arguments) {
    CHECK(count == 2);
    int allowed[32] = {SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_futex, SYS_rt_sigreturn,
                       SYS_rt_sigprocmask, SYS_getpid, SYS_gettid, SYS_tgkill, SYS_brk, SYS_mmap,
                       SYS_munmap, SYS_newfstatat, SYS_fstat, SYS_close, SYS_clock_gettime,
                           SYS_getrandom,
                       SYS_lseek};
    int some = 19, length = 0;
    if (strstr(arguments[1], "mprotect")) allowed[some++] = SYS_mprotect;
    if (strstr(arguments[1], "madvise")) allowed[some++] = SYS_madvise;
    if (strstr(arguments[1], "mremap")) allowed[some++] = SYS_mremap;
    struct sock_filter program[80];
    program[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0);
    for (int i = 0; i < some; i++) {
        program[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], 0,
            1);
        program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    program[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    struct sock_fprog filter = {length, program};
    free(keep(malloc(100)));
    static char *blocks[4000];
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
        skip("the system has no filters");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 4000; i++) {
            CHECK((blocks[i] = malloc(i * 3 + 1)) != NULL);
            memset(blocks[i], 1, i * 3 + 1);
        }
        for (int i = 0; i < 4000; i++) free(blocks[i]);
        char *large = keep(malloc(3 << 20));
        CHECK(large != NULL);
        memset(large, 1, 3 << 20);
        CHECK((large = realloc(large, 40 << 20)) != NULL && large[(3 << 20) - 1] == 1);
        free(large);
        /* The next round of decay comes. */
        for (double end = seconds() + 0.3; seconds() < end;) free(keep(malloc(50000)));
    }
    CHECK(write(1, "fine\n", 5) == 5);
    _exit(0);
}
