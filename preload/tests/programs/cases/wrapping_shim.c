/* A library that is preloaded behind hak and wraps sigaction, signal and dlopen, as those do
   that count or chain handlers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
int seen_sigaction, seen_signal, seen_dlopen;
int sigaction(int number, const struct sigaction *new, struct sigaction *old) {
    seen_sigaction++;
    int (*next)(int, const struct sigaction *, struct sigaction *) = dlsym(RTLD_NEXT, "sigaction");
    return next(number, new, old);
}
__sighandler_t signal(int number, __sighandler_t handler) {
    seen_signal++;
    __sighandler_t (*next)(int, __sighandler_t) = dlsym(RTLD_NEXT, "signal");
    return next(number, handler);
}
void *dlopen(const char *name, int flags) {
    seen_dlopen++;
    void *(*next)(const char *, int) = dlsym(RTLD_NEXT, "dlopen");
    return next(name, flags);
}
