/* Blocks that grow by realloc where the place behind them is taken: contents stay, errno stays,
   the old address is nobody's block. */
#include "check.h"

#define MIB (1ul << 20)

/* In every page a word that says which one it is. */
static void number(char *block, size_t from, size_t to) {
    for (size_t at = from; at < to; at += 4096) *(size_t *)(block + at) = ~at;
}
static void check_numbers(const char *block, size_t bytes) {
    for (size_t at = 0; at < bytes; at += 4096) CHECK(*(const size_t *)(block + at) == ~at);
}

static void *grow(void *unused) {
    void *blockers[8];
    int count = 0;
    char *block = malloc(4 * MIB);
    number(block, 0, 4 * MIB);
    for (size_t size = 8 * MIB; size <= 256 * MIB; size *= 2) {
        blockers[count] = malloc(2 * MIB);
        CHECK(blockers[count++] != NULL);
        errno = 1234;
        block = keep(realloc(block, size));
        CHECK(errno == 1234 && block != NULL && hak_owns(block));
        CHECK(malloc_usable_size(block) >= size);
        check_numbers(block, size / 2);
        for (size_t at = size / 2; at < size; at += 4096) block[at] = 1;
        number(block, size / 2, size);
    }
    block = keep(realloc(block, 200 * MIB + 1));
    check_numbers(block, 200 * MIB);
    while (count) free(blockers[--count]);
    free(block);
    return unused;
}

int main(void) {
    pthread_t threads[2];
    check_that_hak_serves();
    grow(NULL);
    for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, grow, NULL) == 0);
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    puts("grown");
    return 0;
}
