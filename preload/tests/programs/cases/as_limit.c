/* as_limit WHEN MIB: a limit on the address space that was there at the start ("pre"), or that
   the program sets itself ("self"). */
#include "case.h"
static void *work(void *unused) {
    char *blocks[200];
    for (int i = 0; i < 200; i++) {
        if (!(blocks[i] = malloc(1 + i * 97))) return &work;
        memset(blocks[i], i, 1 + i * 97);
    }
    for (int i = 0; i < 200; i++) free(blocks[i]);
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 3);
    free(keep(malloc(100)));
    unsigned long mib = strtoul(arguments[2], NULL, 10);
    if (!strcmp(arguments[1], "self")) limit(RLIMIT_AS, mib << 20);
    int small = 0;
    for (char *block; small < 100 && (block = malloc(100000)); small++) memset(block, 1, 100000);
    char *large = malloc(20 << 20);
    if (large) memset(large, 1, 20 << 20);
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 1 << 20);
    void *result = NULL;
    int error = pthread_create(&thread, &attributes, work, NULL);
    if (!error) pthread_join(thread, &result);
    void *map = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    FILE *file = fopen("/proc/self/status", "r");
    printf("%d of 100 blocks of 100 kB, 20 MiB %s, a thread: %s%s, mmap %s, fopen %s; "
           "size %ld kB\n", small,
           large ? "fine" : "refused", strerror(error), result ? " and no memory" : "",
           map != MAP_FAILED ? "fine" : "refused", file ? "fine" : "refused", size_k());
    return small != 100 || !large || error || result || map == MAP_FAILED || !file;
}
