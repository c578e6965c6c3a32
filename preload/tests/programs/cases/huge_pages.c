/* A program advises huge pages for a block of its own. That goes when the block's pages go back:
   later blocks, of which one page each is written, are not huge. */
#include "case.h"
static long huge(void) { return proc_k("/proc/self/smaps_rollup", "AnonHugePages:"); }
int main(void) {
    size_t bytes = 256 << 20;
    char *block, *blocks[128];
    CHECK(posix_memalign((void **)&block, 2 << 20, bytes) == 0);
    if (madvise(block, bytes, MADV_HUGEPAGE)) skip("the system has no huge pages");
    for (size_t i = 0; i < bytes; i += 2 << 20) block[i] = 1;
    if (huge() < 64 << 10) skip("the system gives no huge pages");
    free(block);
    malloc_trim(0);
    long before = huge();
    for (int i = 0; i < 128; i++) CHECK((blocks[i] = keep(malloc((2 << 20) - 64))) != NULL);
    for (int i = 0; i < 128; i++) blocks[i][0] = 1;
    long large = huge();
    for (int i = 0; i < 128; i++) free(blocks[i]);
    static char *runs[3000];
    for (int i = 0; i < 3000; i++) CHECK((runs[i] = keep(malloc(60000))) != NULL);
    for (int i = 0; i < 3000; i++) runs[i][0] = 1;
    printf("huge: %ld kB freed, %ld kB in 128 blocks of 2 MiB, %ld kB in 3000 of 60 kB\n", before,
        large, huge());
    return before > 4096 || large > 4096 || huge() > 4096;
}
