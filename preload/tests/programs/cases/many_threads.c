/* many_threads N: N threads at once, each with a block of its own; as many as the system has but
   for 2,000, which other programs may need meanwhile. */
#include "case.h"
#include <linux/futex.h>
static atomic_int ready, refused, go;
static void *body(void *unused) {
    char *block = keep(malloc(100));
    if (block) memset(block, 1, 100); else atomic_fetch_add(&refused, 1);
    atomic_fetch_add(&ready, 1);
    while (!atomic_load(&go)) syscall(SYS_futex, &go, FUTEX_WAIT, 0, 0, 0, 0);
    free(block);
    return unused;
}
static int limit_of_the_system(const char *path) {
    FILE *file = fopen(path, "r");
    int limit = 0;
    CHECK(file && fscanf(file, "%d", &limit) == 1);
    fclose(file);
    return limit - 2000;
}
int main(int count, char **arguments) {
    CHECK(count == 2);
    int wanted = atoi(arguments[1]), made = 0;
    int most = limit_of_the_system("/proc/sys/kernel/pid_max");
    int threads_max = limit_of_the_system("/proc/sys/kernel/threads-max");
    if (threads_max < most) most = threads_max;
    size_t stack = 32768, bytes = stack * wanted, table = sizeof(pthread_t) * wanted;
    char *stacks = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    pthread_t *threads = mmap(NULL, table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
        0);
    CHECK(stacks != MAP_FAILED && threads != MAP_FAILED);
    for (; made < wanted && made < most; made++) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstack(&attributes, stacks + made * stack, stack);
        if (pthread_create(&threads[made], &attributes, body, NULL)) break;
    }
    while (atomic_load(&ready) < made) usleep(10000);
    atomic_store(&go, 1);
    syscall(SYS_futex, &go, FUTEX_WAKE, 1 << 30, 0, 0, 0);
    for (int i = 0; i < made; i++) pthread_join(threads[i], NULL);
    printf("%d threads at once; malloc was null in %d of them\n", made, atomic_load(&refused));
    if (atomic_load(&refused)) return 1;
    if (made < wanted) skip("the system has not so many threads");
    return 0;
}
