/* modules PATH...: libraries with thread-local variables are loaded while threads run, until the
   table that the C library finds them by has to grow: which it does inside the first access of a
   thread, perhaps the allocator's own. */
#include "check.h"

static pthread_barrier_t barrier;

static void *wait_and_allocate(void *argument) {
    free(keep(malloc(30)));
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < 1000; i++) {
        char *block = keep(malloc(100 + i));
        sign(block, 100 + i);
        check_signed(block, 100 + i);
        free(block);
    }
    return argument;
}

int main(int count, char **arguments) {
    pthread_t threads[2];
    pthread_barrier_init(&barrier, NULL, 3);
    for (int t = 0; t < 2; t++)
        CHECK(pthread_create(&threads[t], NULL, wait_and_allocate, NULL) == 0);
    pthread_barrier_wait(&barrier);
    for (int i = 1; i < count; i++) {
        void *library = dlopen(arguments[i], RTLD_NOW);
        CHECK(library != NULL);
        int *(*place)(void) = (int *(*)(void))dlsym(library, "place");
        CHECK(place != NULL);
        *place() += 1;
    }
    pthread_barrier_wait(&barrier);
    for (int t = 0; t < 2; t++) CHECK(pthread_join(threads[t], NULL) == 0);
    check_that_hak_serves();
    return 0;
}
