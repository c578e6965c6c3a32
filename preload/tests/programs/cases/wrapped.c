/* Calls of sigaction, signal and dlopen: does a library that is preloaded behind hak and wraps
   them see each of them? */
#include "case.h"
static void handler(int number) { (void)number; }
int main(void) {
    int *actions = dlsym(RTLD_DEFAULT, "seen_sigaction");
    int *signals = dlsym(RTLD_DEFAULT, "seen_signal");
    int *opened = dlsym(RTLD_DEFAULT, "seen_dlopen");
    CHECK(actions && signals && opened);
    int before[] = {*actions, *signals, *opened};
    struct sigaction action = {.sa_handler = handler};
    free(keep(malloc(1)));
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0);
    CHECK(signal(SIGUSR2, handler) == SIG_DFL && signal(SIGTERM, handler) == SIG_DFL);
    CHECK(dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD) != NULL);
    int seen[] = {*actions - before[0], *signals - before[1], *opened - before[2]};
    printf("seen: %d of 2 sigaction, %d of 2 signal, %d of 1 dlopen; before: %d, %d, %d\n", seen[0],
           seen[1],
           seen[2], before[0], before[1], before[2]);
    return seen[0] != 2 || seen[1] != 2 || seen[2] != 1 || before[0] || before[1] || before[2];
}
