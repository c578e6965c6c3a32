/* mlock WHAT: mlockall with c MCL_CURRENT, f MCL_FUTURE, o MCL_ONFAULT; then blocks, and how
   much is resident. */
#include "case.h"
int main(int count, char **arguments) {
    CHECK(count == 2);
    int flags = 0;
    for (const char *p = arguments[1]; *p; p++)
        flags |= *p == 'c' ? MCL_CURRENT : *p == 'f' ? MCL_FUTURE : *p == 'o' ? 4 : 0;
    /* The first allocation comes before the call. */
    if (strchr(arguments[1], '1')) free(keep(malloc(100)));
    if (geteuid() != 0) skip("only a process that may lock as much as it likes can be asked");
    double begin = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    if (mlockall(flags)) return printf("mlockall: %s\n", strerror(errno)), 1;
    double locked = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - begin;
    char *first = keep(malloc(100)), *large = keep(malloc(3 << 20)), *blocks[100];
    for (int i = 0; i < 100; i++) CHECK((blocks[i] = keep(malloc(100000))) != NULL);
    double all = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - begin;
    long resident = resident_k();
    printf("mlockall %.3f s, with 13 MB of blocks %.3f s; resident %ld kB\n", locked, all,
        resident);
    for (int i = 0; i < 100; i++) free(blocks[i]);
    free(first), free(large);
    /* 13 MB, the C library, and what an allocator may keep at hand. */
    return !first || !large || resident > 64 << 10 || all > 0.5;
}
