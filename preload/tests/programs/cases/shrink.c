/* shrink FROM TO: a block of so many MiB is made smaller: in place, and never null. */
#include "case.h"
int main(int count, char **arguments) {
    CHECK(count == 3);
    size_t from = strtoul(arguments[1], NULL, 10) << 20, to = strtoul(arguments[2], NULL, 10) << 20;
    char *block = keep(malloc(from));
    if (!block) return puts("no block"), 1;
    memset(block, 1, from);
    uintptr_t before = (uintptr_t)block;
    double begin = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    char *after = keep(realloc(block, to));
    double time = seconds_of(CLOCK_THREAD_CPUTIME_ID) - begin;
    printf("%zu to %zu MiB: %s in %.1f ms\n", from >> 20, to >> 20,
           !after ? "null" : (uintptr_t)after == before ? "in place" : "moved", time * 1e3);
    if (!after || (uintptr_t)after != before) return 1;
    for (size_t i = 0; i < to; i += 4096) CHECK(after[i] == 1);
    free(after);
    return 0;
}
