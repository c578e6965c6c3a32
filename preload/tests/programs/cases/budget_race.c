/* HAK_LIMIT=256M: three threads ask for 300 MiB again and again, and rightly get nothing; a
   fourth one asks for 20 MiB. */
#include "case.h"
static atomic_int stop;
static atomic_long granted;
static void *greedy(void *unused) {
    while (!atomic_load(&stop)) {
        void *block = keep(malloc(300ul << 20));
        if (block) atomic_fetch_add(&granted, 1);
        free(block);
    }
    return unused;
}
int main(void) {
    pthread_t threads[3];
    long refused = 0, asked = 0;
    free(keep(malloc(20 << 20)));
    for (int i = 0; i < 3; i++) CHECK(pthread_create(&threads[i], NULL, greedy, NULL) == 0);
    for (double end = seconds() + 1; seconds() < end; asked++) {
        char *block = keep(malloc(20 << 20));
        if (!block) refused++;
        free(block);
    }
    atomic_store(&stop, 1);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    printf("20 MiB refused %ld of %ld times; 300 MiB granted %ld times\n", refused, asked, granted);
    return refused != 0 || granted != 0;
}
