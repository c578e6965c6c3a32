/* stream MIB: one thread allocates 200 MB in blocks of 1 KiB, the other one frees them as they
   come, and both rest; the main thread works a little. Not more than so many MiB are resident
   then. */
#include "case.h"
enum { COUNT = 200000 };
static void *queue[COUNT];
static atomic_long put;
static void *producer(void *unused) {
    for (long i = 0; i < COUNT; i++) {
        CHECK((queue[i] = malloc(1024)) != NULL);
        memset(queue[i], 1, 1024);
        atomic_store(&put, i + 1);
    }
    pause();
    return unused;
}
static atomic_int consumed;
static void *consumer(void *unused) {
    for (long i = 0; i < COUNT; i++) {
        while (atomic_load(&put) <= i) sched_yield();
        free(queue[i]);
    }
    atomic_store(&consumed, 1);
    pause();
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 2);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, producer, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, consumer, NULL) == 0);
    while (!atomic_load(&consumed)) usleep(1000);
    long at_once = resident_k() >> 10;
    for (int round = 0; round < 15; round++) {
        usleep(100000);
        for (int i = 0; i < 3000; i++) free(keep(malloc(i % 2000)));
    }
    long later = resident_k() >> 10;
    printf("%ld MiB at once, %ld MiB later\n", at_once, later);
    fflush(stdout);
    _exit(later > atol(arguments[1]));
}
