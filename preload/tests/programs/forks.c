/* forks FORKS: three threads allocate without a pause and exchange blocks; the process forks at
   whatever moment that is. Child and parent go on allocating, and free what the threads that the
   child lacks have made. */
#include "check.h"

static _Atomic(char *) table[256];
static atomic_int stop;

/* Takes a block out of the table, checks and frees it, and puts a new one in. */
static void step(uint64_t *random) {
    uint64_t r = next_random(random);
    size_t size = r % 100 == 0 ? 1 + r % 300000 : 8 + r % 1000;
    char *block = keep(malloc(size + 8));
    CHECK(block != NULL);
    memcpy(block, &size, 8);
    sign(block + 8, size);
    block = atomic_exchange(&table[r >> 50 & 255], block);
    if (block != NULL) {
        memcpy(&size, block, 8);
        check_signed(block + 8, size);
        free(block);
    }
}

static void *allocate_for_ever(void *seed) {
    uint64_t random = (uintptr_t)seed;
    while (!atomic_load(&stop)) step(&random);
    return NULL;
}

static void *allocate_for_a_while(void *seed) {
    uint64_t random = (uintptr_t)seed;
    for (int i = 0; i < 2000; i++) step(&random);
    return NULL;
}

static void at_fork(void) {
    free(keep(malloc(77)));
}

static void child(uint64_t random) {
    for (int i = 0; i < 2000; i++) step(&random);
    /* The child may have threads of its own, which end, */
    pthread_t threads[2];
    for (uintptr_t t = 0; t < 2; t++)
        CHECK(pthread_create(&threads[t], NULL, allocate_for_a_while, (void *)(random + t)) == 0);
    /* and children of its own. */
    pid_t grandchild = fork();
    CHECK(grandchild >= 0);
    if (grandchild == 0) {
        for (int i = 0; i < 500; i++) step(&random);
        exit(0);
    }
    for (int t = 0; t < 2; t++) CHECK(pthread_join(threads[t], NULL) == 0);
    int status;
    CHECK(waitpid(grandchild, &status, 0) == grandchild && status == 0);
    malloc_trim(0);
    check_that_hak_serves();
    exit(0);
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    CHECK(pthread_atfork(at_fork, at_fork, at_fork) == 0);
    pthread_t threads[3];
    for (uintptr_t t = 0; t < 3; t++)
        CHECK(pthread_create(&threads[t], NULL, allocate_for_ever, (void *)(t + 1)) == 0);
    uint64_t random = 99;
    int forks = atoi(arguments[1]);
    for (int i = 0; i < forks; i++) {
        /* Not always after the same delay. */
        for (uint64_t n = next_random(&random) % 50; n > 0; n--) step(&random);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(60);
            child(random + (uint64_t)i);
        }
        for (int n = 0; n < 20; n++) step(&random);
        int status;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
    }
    atomic_store(&stop, 1);
    for (int t = 0; t < 3; t++) CHECK(pthread_join(threads[t], NULL) == 0);
    check_that_hak_serves();
    return 0;
}
