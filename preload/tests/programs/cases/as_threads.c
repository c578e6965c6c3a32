/* as_threads MIB: under a limit of so many MiB of addresses, how much of it others than hak can
   have: threads with stacks of 8 MiB, and mappings. At least half, but for the program's own. */
#include "case.h"
static void *sleeper(void *unused) {
    free(keep(malloc(100)));
    pause();
    return unused;
}
int main(int count, char **arguments) {
    long limited = atol(arguments[count - 1]), threads = 0, mib = 0, own = size_k() >> 10;
    if (!keep(malloc(100))) return puts("no malloc at all"), 1;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 8 << 20);
    pthread_t thread;
    while (threads < 64 && pthread_create(&thread, &attributes, sleeper, NULL) == 0) threads++;
    while (mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) mib++;
    printf("of %ld MiB: %ld threads, then %ld MiB for mmap (the size was %ld MiB)\n", limited,
        threads, mib, own);
    fflush(stdout);
    _exit(threads * 8 + mib < limited / 2 - 16);
}
