/* goes_back HOW MIB: eight threads had a burst of 15 MB each and sleep; the main thread goes on
   with small blocks for three seconds: one at a time, of which each comes from its cache
   ("pairs"), or many ("many"). Not more than so many MiB are resident then. */
#include "case.h"
static pthread_barrier_t barrier;
static void *body(void *unused) {
    void **blocks = mmap(NULL, 400000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 50000; i++) {
        CHECK((blocks[i] = malloc(i % 500 + 16)) != NULL);
        memset(blocks[i], 1, 16);
    }
    for (int i = 0; i < 50000; i++) free(blocks[i]);
    for (int i = 0; i < 300; i++) {
        CHECK((blocks[i] = malloc(50000)) != NULL);
        memset(blocks[i], 1, 50000);
    }
    for (int i = 0; i < 300; i++) free(blocks[i]);
    munmap(blocks, 400000);
    pthread_barrier_wait(&barrier);
    pause();
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 3);
    pthread_barrier_init(&barrier, NULL, 9);
    pthread_t thread;
    for (int i = 0; i < 8; i++) CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
    pthread_barrier_wait(&barrier);
    long at_once = resident_k() >> 10;
    for (int round = 0; round < 30; round++) {
        static void *many[3000];
        usleep(100000);
        if (arguments[1][0] == 'p') {
            for (int i = 0; i < 3000; i++) free(keep(malloc(100)));
        } else {
            for (int i = 0; i < 3000; i++) many[i] = keep(malloc(i));
            for (int i = 0; i < 3000; i++) free(many[i]);
        }
    }
    long later = resident_k() >> 10;
    printf("%s: %ld MiB at once, %ld MiB three seconds later\n", arguments[1], at_once, later);
    fflush(stdout);
    _exit(later > atol(arguments[2]));
}
