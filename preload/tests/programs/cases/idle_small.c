/* idle_small THREADS KB: each thread has allocated and freed a little of every small size, and
   sleeps: not more than so many kB are resident for each, the stack included, after malloc_trim. */
#include "case.h"
static pthread_barrier_t barrier;
static void *body(void *unused) {
    void *blocks[60];
    for (int i = 0; i < 60; i++) {
        CHECK((blocks[i] = keep(malloc(i * 40 + 1))) != NULL);
        memset(blocks[i], 1, i * 40 + 1);
    }
    for (int i = 0; i < 60; i++) free(blocks[i]);
    pthread_barrier_wait(&barrier);
    pause();
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 3);
    int threads = atoi(arguments[1]);
    pthread_barrier_init(&barrier, NULL, threads + 1);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 65536);
    long before = resident_k();
    for (int i = 0; i < threads; i++) {
        pthread_t thread;
        CHECK(pthread_create(&thread, &attributes, body, NULL) == 0);
    }
    pthread_barrier_wait(&barrier);
    usleep(100000);
    long at_once = (resident_k() - before) / threads;
    malloc_trim(0);
    long trimmed = (resident_k() - before) / threads;
    printf("per thread %ld kB, after malloc_trim %ld kB\n", at_once, trimmed);
    fflush(stdout);
    _exit(trimmed > atol(arguments[2]));
}
