/* unload LIBRARY FUNCTION: loads a library that contains hak, uses it on a thread, unloads it,
   and then the thread ends; 300 times. FUNCTION is malloc, or one that uses the library somehow. */
#include "case.h"
#include <semaphore.h>
static sem_t used, unloaded;
static void *library;
static const char *function;
static void *body(void *unused) {
    if (!strcmp(function, "malloc")) {
        void *(*its_malloc)(size_t) = (void *(*)(size_t))dlsym(library, "malloc");
        void (*its_free)(void *) = (void (*)(void *))dlsym(library, "free");
        CHECK(its_malloc && its_free);
        its_free(its_malloc(100));
    } else {
        long (*its_function)(void) = (long (*)(void))dlsym(library, function);
        CHECK(its_function && its_function() > 0);
    }
    sem_post(&used);
    sem_wait(&unloaded);
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 3);
    function = arguments[2];
    sem_init(&used, 0, 0), sem_init(&unloaded, 0, 0);
    long size = 0;
    for (int i = 0; i < 300; i++) {
        library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
        if (!library) return printf("load %d: %s\n", i, dlerror()), 1;
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
        sem_wait(&used);
        CHECK(dlclose(library) == 0);
        sem_post(&unloaded);
        CHECK(pthread_join(thread, NULL) == 0);
        if (i == 0) size = size_k();
    }
    printf("300 loads; the size grew by %ld kB after the first\n", size_k() - size);
    /* A second range would be seen. */
    return size_k() - size > 256 << 10;
}
