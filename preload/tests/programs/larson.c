/* larson THREADS BLOCKS SIZE ROUNDS GENERATIONS: a server's pattern. Each thread replaces random
   blocks of its set, then ends and hands the set to its successor, so that blocks are freed by
   threads that did not make them. Some are exchanged with the other threads' sets through a
   table, all the time. */
#include "check.h"

static size_t blocks_of_each, size, rounds, generations;
static _Atomic(char *) exchange[64];

struct worker {
    char **blocks;
    uint64_t random;
    size_t generation;
    atomic_int *done;
};

static void *work(void *argument) {
    struct worker *worker = argument;
    for (size_t round = 0; round < rounds; round++) {
        uint64_t random = next_random(&worker->random);
        char **place = &worker->blocks[random % blocks_of_each];
        check_signed(*place, size);
        if (random >> 32 & 1) {
            *place = atomic_exchange(&exchange[random >> 40 & 63], *place);
        }
        free(*place);
        *place = keep(malloc(size));
        CHECK(*place != NULL);
        sign(*place, size);
    }
    if (++worker->generation == generations) {
        atomic_fetch_add(worker->done, 1);
        return NULL;
    }
    pthread_t successor;
    CHECK(pthread_create(&successor, NULL, work, worker) == 0);
    CHECK(pthread_detach(successor) == 0);
    return NULL;
}

int main(int count, char **arguments) {
    CHECK(count == 6);
    void *top = sbrk(0);
    size_t threads = strtoul(arguments[1], 0, 10);
    blocks_of_each = strtoul(arguments[2], 0, 10);
    size = strtoul(arguments[3], 0, 10);
    rounds = strtoul(arguments[4], 0, 10);
    generations = strtoul(arguments[5], 0, 10);
    atomic_int done = 0;
    struct worker workers[threads];
    for (size_t t = 0; t < threads; t++) {
        workers[t] = (struct worker){calloc(blocks_of_each, sizeof(char *)), 12345 + t, 0, &done};
        for (size_t i = 0; i < blocks_of_each; i++) {
            workers[t].blocks[i] = malloc(size);
            sign(workers[t].blocks[i], size);
        }
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, work, &workers[t]) == 0);
        CHECK(pthread_detach(thread) == 0);
    }
    while ((size_t)atomic_load(&done) < threads) usleep(1000);
    for (size_t t = 0; t < threads; t++) {
        for (size_t i = 0; i < blocks_of_each; i++) {
            check_signed(workers[t].blocks[i], size);
            free(workers[t].blocks[i]);
        }
        free(workers[t].blocks);
    }
    check_that_hak_serves();
    CHECK(sbrk(0) == top);
    return 0;
}
