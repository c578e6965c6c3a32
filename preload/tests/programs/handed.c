/* The main thread allocates so many bytes in blocks of one size; so many other threads free
   them, each its share, and stay. If the word "shared" is given, the main thread frees every
   other block itself before that, so that it owns the slabs, and then goes on with a little work
   in other sizes. Says how many pages were resident at the peak and are at the end. */
#include "check.h"

static long resident_pages(void) {
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file && fscanf(file, "%ld %ld", &all, &resident) == 2);
    fclose(file);
    return resident;
}

static char **held;
static size_t blocks, threads;
static _Atomic size_t done;

static void *free_share(void *number) {
    for (size_t i = (size_t)number; i < blocks; i += threads) {
        free(held[i]);
        held[i] = NULL;
    }
    done++;
    pause();
    return NULL;
}

static void work_a_little(void) {
    for (int i = 0; i < 100; i++) {
        char *few[40];
        for (int j = 0; j < 40; j++)
            few[j] = keep(malloc(200 + j));
        for (int j = 0; j < 40; j++)
            free(few[j]);
        free(keep(malloc(100000)));
    }
}

int main(int count, char **words) {
    CHECK(count >= 4);
    size_t bytes = strtoul(words[1], 0, 10), size = strtoul(words[2], 0, 10);
    threads = strtoul(words[3], 0, 10);
    blocks = bytes / size;
    held = calloc(blocks, sizeof *held);
    CHECK(held);
    for (size_t i = 0; i < blocks; i++) {
        held[i] = malloc(size);
        CHECK(held[i]);
        memset(held[i], 1, size);
    }
    long peak = resident_pages();
    int shared = count > 4 && !strcmp(words[4], "shared");
    for (size_t i = 0; shared && i < blocks; i += 2) {
        free(held[i]);
        held[i] = NULL;
    }
    for (size_t number = 0; number < threads; number++) {
        pthread_t thread;
        CHECK(!pthread_create(&thread, 0, free_share, (void *)number));
    }
    while (done < threads)
        usleep(1000);
    for (int i = 0; shared && i < 5; i++) {
        usleep(300000);
        work_a_little();
    }
    free(held);
    printf("%ld %ld\n", peak, resident_pages());
    return 0;
}
