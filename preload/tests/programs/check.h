/* For the programs of these tests: a check that says where it failed, and who serves the memory. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                     \
    do {                                                                                     \
        if (!(condition)) {                                                                  \
            dprintf(2, "%s:%d: does not hold: %s (errno %d)\n", __FILE__, __LINE__,          \
                    #condition, errno);                                                      \
            _exit(1);                                                                        \
        }                                                                                    \
    } while (0)

/* The compiler must not know what these calls do, or it would leave them out. */
static inline void *keep(void *block) {
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

extern int hak_owns(const void *address) __attribute__((weak));

/* Blocks come from hak, and the C library's own allocator has never been asked for anything. */
static inline void check_that_hak_serves(void) {
    CHECK(hak_owns != NULL);
    char *block = keep(malloc(100));
    CHECK(block != NULL && hak_owns(block));
    free(block);
    CHECK(!hak_owns(&block));
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
    CHECK(libc != NULL);
    struct mallinfo2 (*its_own)(void) = (struct mallinfo2(*)(void))dlsym(libc, "mallinfo2");
    CHECK(its_own != NULL && its_own != mallinfo2);
    struct mallinfo2 info = its_own();
    CHECK(info.arena == 0 && info.hblks == 0 && info.hblkhd == 0 && info.uordblks == 0);
}

/* xorshift: the same numbers on every run. */
static inline uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Fills a block with its own address and size, and checks that later. */
static inline void sign(char *block, size_t size) {
    memset(block, (int)((uintptr_t)block >> 4 ^ size), size);
}
static inline void check_signed(const char *block, size_t size) {
    char mark = (char)((uintptr_t)block >> 4 ^ size);
    for (size_t i = 0; i < size; i++) CHECK(block[i] == mark);
}
