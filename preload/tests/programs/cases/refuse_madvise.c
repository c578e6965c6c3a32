/* A sparse block is freed where the system refuses madvise: nothing more becomes resident by it. */
#include "case.h"
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
int main(void) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {4, program};
    char *sparse = keep(calloc(2, 1 << 30)), *runs[400];
    CHECK(sparse != NULL);
    sparse[0] = 1;
    for (int i = 0; i < 400; i++) CHECK((runs[i] = keep(calloc(1, 900000))) != NULL);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter))
        skip("the system has no filters");
    long before = resident_k();
    free(sparse);
    for (int i = 0; i < 400; i++) free(runs[i]);
    malloc_trim(0);
    long after = resident_k();
    printf("resident before %ld kB, after %ld kB\n", before, after);
    /* The same is granted again, and zero. */
    sparse = keep(calloc(1, 64 << 20));
    CHECK(sparse != NULL);
    for (int i = 0; i < 64 << 20; i += 4096) CHECK(sparse[i] == 0);
    return after > before + (32 << 10);
}
