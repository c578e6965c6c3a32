/* Signals that arrive while the program allocates: its handlers change what they like but the
   memory. */
#include "check.h"
#include <sys/time.h>

static volatile sig_atomic_t arrived;

static void count(int signal) {
    (void)signal;
    arrived++;
    errno = 1234;
}

static void *work(void *argument) {
    uint64_t random = (uintptr_t)argument;
    static _Thread_local char *blocks[200];
    static _Thread_local size_t sizes[200];
    for (int i = 0; i < 1500000 && arrived < 20000; i++) {
        uint64_t r = next_random(&random);
        size_t at = r % 200;
        if (blocks[at] != NULL) check_signed(blocks[at], sizes[at] < 16 ? sizes[at] : 16);
        free(blocks[at]);
        size_t size = r >> 32 & 1023;
        if (size == 0) size = 200000;
        blocks[at] = keep(malloc(size));
        sizes[at] = size;
        CHECK(blocks[at] != NULL);
        size_t bytes = size < 16 ? size : 16;
        memset(blocks[at], (int)((uintptr_t)blocks[at] >> 4 ^ bytes), bytes);
    }
    for (int i = 0; i < 200; i++) free(blocks[i]);
    return NULL;
}

int main(void) {
    struct sigaction action = {.sa_handler = count, .sa_flags = SA_RESTART};
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    struct itimerval often = {{0, 50}, {0, 50}};
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    pthread_t threads[2];
    for (uintptr_t t = 0; t < 2; t++)
        CHECK(pthread_create(&threads[t], NULL, work, (void *)(t + 1)) == 0);
    work((void *)3);
    for (int t = 0; t < 2; t++) CHECK(pthread_join(threads[t], NULL) == 0);
    memset(&often, 0, sizeof often);
    CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
    check_that_hak_serves();
    printf("%d\n", (int)arrived);
    return 0;
}
