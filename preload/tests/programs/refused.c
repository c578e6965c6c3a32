/* refused CALL...: works with blocks of all sizes; then a filter of the system refuses these
   calls for ever, as sandboxes and old systems do, and the work goes on. "lock" locks all
   memory, now and later: the system does not take it back then. Says how many requests got no
   memory, with ENOMEM each, of how many; "no filter" if the system does not do that for us. */
#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

static const struct {
    const char *name;
    int number, refusal;
} CALLS[] = {
    {"mremap", SYS_mremap, EINVAL},
    {"madvise", SYS_madvise, EINVAL},
    {"mprotect", SYS_mprotect, ENOMEM},
    {"mmap", SYS_mmap, ENOMEM},
    {"munmap", SYS_munmap, ENOMEM},
    {"process_vm_readv", SYS_process_vm_readv, EPERM},
};

static int refuse(int number, int refusal) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | refusal),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof *program, program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

enum { PLACES = 200 };
static struct {
    char *block;
    size_t size;
} held[PLACES];
static uint64_t state = 42;
static long asked, got_nothing;

/* The ends of a block say which one it is. */
static size_t end_of(size_t size) { return size < 64 ? size : 64; }
static void mark(int place) {
    size_t end = end_of(held[place].size);
    memset(held[place].block, place + 1, end);
    memset(held[place].block + held[place].size - end, place + 1, end);
}
static void check_marks(int place, size_t size) {
    for (size_t i = 0; i < end_of(size); i++) CHECK(held[place].block[i] == (char)(place + 1));
}

static size_t any_size(void) {
    size_t most[] = {100, 2000, 30000, 1 << 20, 9 << 20};
    return 1 + next_random(&state) % most[next_random(&state) % 5];
}

static void step(void) {
    int place = (int)(next_random(&state) % PLACES);
    size_t size = any_size();
    int again = next_random(&state) % 2;
    char *old = held[place].block;
    if (old) check_marks(place, held[place].size);
    errno = 0;
    asked++;
    char *block;
    if (old && again) {
        block = realloc(old, size);
        if (block) {
            held[place].block = block;
            check_marks(place, held[place].size < size ? held[place].size : size);
        }
    } else {
        free(old);
        held[place].block = NULL;
        block = again ? calloc(1, size) : malloc(size);
        for (size_t i = 0; block && again && i < size; i += 509) CHECK(block[i] == 0);
    }
    if (!block) {
        CHECK(errno == ENOMEM);
        got_nothing++;
        return;
    }
    CHECK(errno == 0);
    held[place].block = block;
    held[place].size = size;
    mark(place);
}

static void free_all(void) {
    for (int place = 0; place < PLACES; place++) {
        if (held[place].block) check_marks(place, held[place].size);
        free(held[place].block);
        held[place].block = NULL;
    }
}

int main(int count, char **words) {
    check_that_hak_serves();
    for (int i = 0; i < 2000; i++) step();
    CHECK(got_nothing == 0);
    for (int word = 1; word < count; word++) {
        if (!strcmp(words[word], "lock") && mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
            printf("no filter\n");
            return 0;
        }
        for (size_t i = 0; i < sizeof CALLS / sizeof *CALLS; i++)
            if (!strcmp(words[word], CALLS[i].name) && !refuse(CALLS[i].number, CALLS[i].refusal)) {
                printf("no filter\n");
                return 0;
            }
    }
    asked = 0;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2000; i++) step();
        if (round == 1) free_all();
        if (round == 1) malloc_trim(0);
    }
    free_all();
    printf("%ld of %ld\n", got_nothing, asked);
    return 0;
}
