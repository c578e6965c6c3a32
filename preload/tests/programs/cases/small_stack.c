/* Threads with the least stack that there is allocate, are the first to do so, and ask. */
#include "case.h"
static void *body(void *unused) {
    void *blocks[40];
    for (int i = 0; i < 40; i++) blocks[i] = keep(malloc(((size_t)1 << (i / 2)) + i));
    for (int i = 0; i < 40; i++) free(blocks[i]);
    free(keep(realloc(keep(malloc(30 << 20)), 60 << 20)));
    void *aligned;
    if (!posix_memalign(&aligned, 1 << 22, 100)) free(aligned);
    malloc_trim(0);
    struct mallinfo2 info = mallinfo2();
    return info.arena == 1 ? unused : NULL;
}
int main(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    CHECK(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
    for (int round = 0; round < 50; round++) {
        pthread_t threads[4];
        for (int i = 0; i < 4; i++)
            CHECK(pthread_create(&threads[i], &attributes, body, NULL) == 0);
        for (int i = 0; i < 4; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    }
    puts("200 threads");
    return 0;
}
