/* 50 MiB written, one page of 4 GiB written, and abort: the size of the core file is the test's
   to judge. */
#include "case.h"
int main(void) {
    limit(RLIMIT_CORE, RLIM_INFINITY);
    char *block = keep(malloc(50 << 20)), *sparse = keep(malloc(4ul << 30));
    memset(block, 1, 50 << 20);
    if (sparse) sparse[0] = 1;
    abort();
}
