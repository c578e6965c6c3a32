/* A limit of 160 MiB on data; 64 MiB at most are live, in one shape after the other. */
#include "case.h"
int main(void) {
    limit(RLIMIT_DATA, 160 << 20);
    size_t sizes[] = {64, 1024, 20000, 60000, 200000, 900000, 3000000, 20000000, 48, 500000,
        7000000, 33000};
    for (int round = 0; round < 12; round++) {
        size_t size = sizes[round], count = (64u << 20) / size, bytes = count * 8 + 4096;
        char **blocks = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
            0);
        CHECK(blocks != MAP_FAILED);
        for (size_t i = 0; i < count; i++) {
            if (!(blocks[i] = malloc(size))) {
                printf("round %d: %zu bytes refused after %zu MiB\n", round, size, i * size >> 20);
                return 1;
            }
            memset(blocks[i], 1, size);
        }
        for (size_t i = 0; i < count; i++) free(blocks[i]);
        munmap(blocks, bytes);
    }
    puts("12 rounds");
    return 0;
}
