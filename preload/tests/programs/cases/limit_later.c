/* A program that limits its own address space to 4 GiB after it has begun. */
#include "case.h"
static void *body(void *unused) { return unused; }
int main(void) {
    free(keep(malloc(100)));
    limit(RLIMIT_AS, 4ul << 30);
    void *huge = keep(malloc(6ul << 30));
    pthread_t thread;
    int error = pthread_create(&thread, NULL, body, NULL);
    void *library = dlopen("libresolv.so.2", RTLD_NOW);
    void *block = keep(malloc(100));
    printf("6 GiB %s, a thread: %s, a library: %s, 100 bytes %s\n", huge ? "granted" : "refused",
           strerror(error), library ? "fine" : dlerror(), block ? "granted" : "refused");
    return huge || error || !library || !block;
}
