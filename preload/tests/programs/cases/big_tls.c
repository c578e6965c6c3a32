/* 1.6 MB of thread-local variables, which the C library puts into the stack of each thread: of
   that one, too, which HAK_BACKGROUND=1 asks for. Argument: how many threads there should be. */
#include "case.h"
static __thread volatile char big[1600000];
static void *body(void *unused) {
    big[5] = 1;
    return unused;
}
int main(int count, char **arguments) {
    pthread_t thread;
    big[1] = 1;
    CHECK(pthread_create(&thread, NULL, body, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    usleep(100000);
    long threads = proc_k("/proc/self/status", "Threads:");
    printf("%ld threads\n", threads);
    return count != 2 || big[9] != 0 || threads != atol(arguments[1]);
}
