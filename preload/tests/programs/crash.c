/* crash HOW: for HAK_CRASH_REPORT. */
#include "check.h"
#include <setjmp.h>

static sigjmp_buf back;

static void simple(int signal) {
    dprintf(2, "own handler of %d\n", signal);
    _exit(3);
}
static void with_address(int signal, siginfo_t *info, void *context) {
    CHECK(context != NULL);
    dprintf(2, "own handler of %d at %p\n", signal, info->si_addr);
    siglongjmp(back, 1);
}
static struct sigaction before;
static void first_the_own_one(int signal, siginfo_t *info, void *context) {
    dprintf(2, "own handler of %d\n", signal);
    before.sa_sigaction(signal, info, context);
}
static void touch(uintptr_t address) { *(volatile char *)address = 1; }

static int volatile bottomless = 1;
static int recurse(int depth) {
    char space[1000];
    memset(space, depth, sizeof space);
    return bottomless ? recurse(depth + 1) + space[depth % 1000] : 0;
}

int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *how = arguments[1];
    struct sigaction new = {0}, old;
    if (!strcmp(how, "default")) {
        touch(0x10);
    } else if (!strcmp(how, "abort")) {
        abort();
    } else if (!strcmp(how, "signal")) {
        CHECK(signal(SIGSEGV, simple) != SIG_ERR);
        CHECK(signal(SIGSEGV, simple) == simple);
        touch(0x10);
    } else if (!strcmp(how, "sigaction")) {
        new.sa_sigaction = with_address;
        new.sa_flags = SA_SIGINFO | SA_NODEFER;
        sigaddset(&new.sa_mask, SIGUSR1);
        CHECK(sigaction(SIGSEGV, &new, NULL) == 0);
        CHECK(sigaction(SIGSEGV, NULL, &old) == 0);
        CHECK(old.sa_sigaction == with_address && (old.sa_flags & ~0x04000000) == new.sa_flags);
        CHECK(sigismember(&old.sa_mask, SIGUSR1) == 1 && sigismember(&old.sa_mask, SIGUSR2) == 0);
        for (volatile int i = 1; i < 3; i++)
            if (sigsetjmp(back, 1) == 0) touch(0x10 * i);
        /* And back to what it was. */
        new.sa_handler = SIG_DFL;
        new.sa_flags = 0;
        CHECK(sigaction(SIGSEGV, &new, &old) == 0 && old.sa_sigaction == with_address);
        touch(0x30);
    } else if (!strcmp(how, "chained")) {
        new.sa_sigaction = first_the_own_one;
        new.sa_flags = SA_SIGINFO;
        CHECK(sigaction(SIGSEGV, &new, &before) == 0);
        CHECK(before.sa_flags & SA_SIGINFO);
        touch(0x10);
    } else if (!strcmp(how, "freed")) {
        /* The address lies in memory of hak that was given back or never used: some units behind
           the first one. */
        char *small = keep(malloc(100));
        CHECK(hak_owns(small + (8 << 20)));
        touch((uintptr_t)small + (8 << 20));
    } else if (!strcmp(how, "overflow")) {
        static char other_stack[8192];
        stack_t stack = {.ss_sp = other_stack, .ss_size = sizeof other_stack};
        CHECK(sigaltstack(&stack, NULL) == 0);
        return recurse(0);
    } else if (!strcmp(how, "ignored")) {
        CHECK(signal(SIGSEGV, SIG_IGN) != SIG_ERR);
        raise(SIGSEGV);
        return 5;
    } else if (!strcmp(how, "interior")) {
        free((char *)keep(malloc(5 << 20)) + 64);
    } else if (!strcmp(how, "foreign")) {
        free(keep(&new));
    }
    return 4;
}
