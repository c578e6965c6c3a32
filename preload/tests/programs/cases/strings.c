/* Six threads each keep a random part of strings of mixed sizes, round after round, and then a
   tenth of them. Prints what is live, resident, and resident after malloc_trim, in kB. */
#include "case.h"
enum { STRINGS = 60000 };
static size_t live[6];
static void *body(void *argument) {
    long id = (long)argument;
    uint64_t random = id * 7 + 11;
    char **strings = calloc(STRINGS, sizeof *strings);
    size_t *sizes = calloc(STRINGS, sizeof *sizes);
    for (int round = 0; round < 25; round++)
        for (int i = 0; i < STRINGS; i++)
            if (next_random(&random) % 3 == 0) {
                free(strings[i]);
                sizes[i] = next_random(&random) % 16
                    ? 20 + next_random(&random) % 200
                    : 1000 + next_random(&random) % 9000;
                CHECK((strings[i] = malloc(sizes[i])) != NULL);
                memset(strings[i], 1, sizes[i]);
            }
    for (int i = 0; i < STRINGS; i++)
        if (next_random(&random) % 10) free(strings[i]); else live[id] += sizes[i];
    usleep(600000);
    for (int i = 0; i < 300; i++) free(keep(malloc(i)));
    return strings;
}
int main(void) {
    pthread_t threads[6];
    size_t all = 0;
    for (long i = 0; i < 6; i++) CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL), all += live[i];
    long resident = resident_k();
    malloc_trim(0);
    printf("%zu %ld %ld\n", all >> 10, resident, resident_k());
    return 0;
}
