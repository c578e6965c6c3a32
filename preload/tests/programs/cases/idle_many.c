/* idle_many THREADS MIB: each thread takes 15 blocks of 64 KiB, writes to them, frees them and
   sleeps. Not more than so many MiB are resident then, beside the stacks. */
#include "case.h"
static atomic_int done;
static pthread_barrier_t barrier;
static void *body(void *unused) {
    char *blocks[15];
    for (int i = 0; i < 15; i++) {
        CHECK((blocks[i] = keep(malloc(65536))) != NULL);
        memset(blocks[i], 1, 65536);
    }
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 15; i++) free(blocks[i]);
    atomic_fetch_add(&done, 1);
    pause();
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 3);
    int threads = atoi(arguments[1]);
    pthread_barrier_init(&barrier, NULL, threads);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    long before = resident_k();
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attributes, body, NULL) == 0);
    }
    while (atomic_load(&done) < threads) usleep(1000);
    /* Two pages of a stack are written. */
    long kept = (resident_k() - before - 8 * threads) >> 10;
    printf("%d threads that hold nothing: %ld MiB\n", threads, kept);
    fflush(stdout);
    _exit(kept > atol(arguments[2]));
}
