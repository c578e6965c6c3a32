/* The C library's own names for its allocator: a block may be allocated by one name and freed by
   the other. */
#include "case.h"
extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t), *__libc_valloc(size_t), *__libc_pvalloc(size_t);
extern void __libc_free(void *);
extern int __posix_memalign(void **, size_t, size_t) __attribute__((weak));
static void both(char *block, size_t align) {
    CHECK(block != NULL && (uintptr_t)block % align == 0 && (!hak_owns || hak_owns(block)));
    memset(block, 1, 100);
    CHECK((block = realloc(block, 5000)) != NULL && block[99] == 1);
    CHECK((block = __libc_realloc(block, 50000)) != NULL && block[99] == 1);
    free(block);
}
int main(void) {
    both(__libc_malloc(100), 16);
    both(__libc_calloc(10, 10), 16);
    both(__libc_realloc(NULL, 100), 16);
    both(__libc_memalign(64, 100), 64);
    both(__libc_valloc(100), 4096);
    both(__libc_pvalloc(100), 4096);
    void *aligned = NULL;
    if (__posix_memalign) {
        CHECK(__posix_memalign(&aligned, 256, 100) == 0);
        both(aligned, 256);
    }
    __libc_free(keep(malloc(100)));
    __libc_free(NULL);
    puts("fine");
    return 0;
}
