/* background_exit HOW: a program that ends otherwise than by returning from main, under
   HAK_BACKGROUND=1.
   last: main ends by pthread_exit, and so does the last thread, half a second later; atexit
   functions run, on a stack as usual.
   only: there is no other thread than main.
   child: as last, in the child of a fork.
   sigwait: all threads block SIGTERM and one waits for it: it must get it.
   term: nobody blocks SIGTERM, and main has ended: the process is ended by it. */
#include "case.h"
static void at_exit(void) {
    volatile char much[1 << 20];
    memset((char *)much, 1, sizeof much);
    free(keep(malloc(1000)));
    CHECK(write(1, "atexit\n", 7) == 7);
}
static void *last(void *unused) {
    usleep(500000);
    free(keep(malloc(100)));
    CHECK(write(1, "last\n", 5) == 5);
    return unused;
}
static void *waits(void *unused) {
    sigset_t set;
    int which = 0;
    sigemptyset(&set), sigaddset(&set, SIGTERM);
    CHECK(sigwait(&set, &which) == 0 && which == SIGTERM);
    CHECK(write(1, "SIGTERM\n", 8) == 8);
    _exit(0);
    return unused;
}
static void *pauses(void *unused) {
    usleep(300000);
    CHECK(kill(getpid(), SIGTERM) == 0);
    pause();
    return unused;
}
int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *how = arguments[1];
    pthread_t thread;
    if (!strcmp(how, "child")) {
        pid_t child = fork();
        CHECK(child >= 0);
        if (child != 0) {
            int status;
            CHECK(waitpid(child, &status, 0) == child && status == 0);
            return 0;
        }
    }
    if (!strcmp(how, "sigwait")) {
        sigset_t set;
        sigemptyset(&set), sigaddset(&set, SIGTERM);
        CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0);
        CHECK(pthread_create(&thread, NULL, waits, NULL) == 0);
        usleep(300000);
        CHECK(kill(getpid(), SIGTERM) == 0);
        pause();
    }
    if (!strcmp(how, "term")) {
        CHECK(pthread_create(&thread, NULL, pauses, NULL) == 0);
        pthread_exit(NULL);
    }
    CHECK(atexit(at_exit) == 0);
    if (strcmp(how, "only")) {
        CHECK(pthread_create(&thread, NULL, last, NULL) == 0);
        CHECK(pthread_detach(thread) == 0);
    }
    pthread_exit(NULL);
}
