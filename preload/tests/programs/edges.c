/* The edges of each function: zero, overflow, failure, alignment, errno. */
#include "check.h"

/* Weak: this C library has none of them. */
extern void cfree(void *) __attribute__((weak));
extern void free_sized(void *, size_t) __attribute__((weak));
extern void free_aligned_sized(void *, size_t, size_t) __attribute__((weak));

/* More than any system has; the compiler must not know, or it would warn. */
static volatile size_t half = PTRDIFF_MAX, all = SIZE_MAX, zero = 0, odd = 24;

#define IS_REFUSED(call, code)        \
    do {                              \
        errno = 0;                    \
        CHECK(keep(call) == NULL);    \
        CHECK(errno == (code));       \
    } while (0)
#define LEAVES_ERRNO(call)   \
    do {                     \
        errno = 4321;        \
        call;                \
        CHECK(errno == 4321);\
    } while (0)

static void zero_sizes(void) {
    void *blocks[7];
    blocks[0] = malloc(zero);
    blocks[1] = malloc(zero);
    blocks[2] = calloc(zero, 8);
    blocks[3] = calloc(8, zero);
    blocks[4] = realloc(NULL, zero);
    blocks[5] = aligned_alloc(64, zero);
    blocks[6] = pvalloc(zero);
    for (int i = 0; i < 7; i++) {
        CHECK(blocks[i] != NULL && hak_owns(blocks[i]));
        for (int j = 0; j < i; j++) CHECK(blocks[i] != blocks[j]);
    }
    for (int i = 0; i < 7; i++) free(blocks[i]);
}

static void too_large(void) {
    IS_REFUSED(malloc(all), ENOMEM);
    IS_REFUSED(malloc(half), ENOMEM);
    IS_REFUSED(malloc(half + 1), ENOMEM);
    IS_REFUSED(calloc(all, 2), ENOMEM);
    IS_REFUSED(calloc(half, 2), ENOMEM);
    IS_REFUSED(calloc(all / 2 + 2, 2), ENOMEM);
    IS_REFUSED(calloc(1, half + 1), ENOMEM);
    IS_REFUSED(realloc(NULL, half + 1), ENOMEM);
    IS_REFUSED(reallocarray(NULL, all, 2), ENOMEM);
    IS_REFUSED(aligned_alloc(64, half + 1), ENOMEM);
    IS_REFUSED(aligned_alloc(1ul << 62, 1), ENOMEM);
    IS_REFUSED(memalign(64, all), ENOMEM);
    IS_REFUSED(valloc(all), ENOMEM);
    IS_REFUSED(pvalloc(all), ENOMEM);
    IS_REFUSED(pvalloc(all - 5000), ENOMEM);
}

static void resizing(void) {
    static const size_t sizes[] = {1, 16, 17, 100, 1000, 4096, 16384, 16385, 100000, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t size = sizes[i];
        char *block = malloc(size);
        sign(block, size);
        void *was_at = block;
        char mark = *block;
        IS_REFUSED(realloc(block, half + 1), ENOMEM);
        IS_REFUSED(reallocarray(block, all / 4, 8), ENOMEM);
        check_signed(was_at, size);
        block = realloc(block, 2 * size);
        CHECK(block != NULL);
        for (size_t j = 0; j < size; j++) CHECK(block[j] == mark);
        block = realloc(block, (size + 1) / 2);
        CHECK(block != NULL);
        for (size_t j = 0; j < (size + 1) / 2; j++) CHECK(block[j] == mark);
        errno = 77;
        CHECK(keep(realloc(block, zero)) == NULL);
        CHECK(errno == 77);
    }
    char *elements = reallocarray(NULL, 10, 10);
    CHECK(elements != NULL && malloc_usable_size(elements) >= 100);
    free(elements);
}

static void zeroes(void) {
    for (size_t size = 1; size < 300000; size += size / 3 + 1) {
        char *dirty = malloc(size);
        memset(dirty, 0xaa, size);
        free(keep(dirty));
        char *block = calloc(1, size);
        for (size_t i = 0; i < size; i++) CHECK(block[i] == 0);
        memset(block, 0xaa, size);
        free(block);
    }
}

static void alignment(void) {
    for (size_t size = 0; size < 70000; size += size / 50 + 1) {
        char *block = malloc(size), *cleared = calloc(size, 1), *grown = realloc(malloc(1),
            size + 1);
        CHECK((uintptr_t)block % 16 == 0 && (uintptr_t)cleared % 16 == 0);
        CHECK((uintptr_t)grown % 16 == 0);
        CHECK(malloc_usable_size(block) >= size);
        memset(block, 1, malloc_usable_size(block));
        free(block), free(cleared), free(grown);
    }
    CHECK(malloc_usable_size(NULL) == 0);
    for (size_t align = 1; align <= 1 << 23; align *= 2) {
        for (size_t size = 1; size < 200000; size = 7 * size + 3) {
            char *block = aligned_alloc(align, size), *other = memalign(align, size);
            CHECK(block != NULL && (uintptr_t)block % align == 0 && (uintptr_t)block % 16 == 0);
            CHECK(other != NULL && (uintptr_t)other % align == 0);
            sign(block, size);
            sign(other, size);
            check_signed(block, size);
            free(block);
            block = NULL;
            int result = posix_memalign((void **)&block, align, size);
            CHECK(align < sizeof(void *) ? result == EINVAL && block == NULL : result == 0);
            CHECK(block == NULL || (uintptr_t)block % align == 0);
            free(block);
            check_signed(other, size);
            other = realloc(other, 2 * size);
            CHECK(other != NULL && (uintptr_t)other % 16 == 0);
            free(other);
        }
    }
    IS_REFUSED(aligned_alloc(zero, 8), EINVAL);
    IS_REFUSED(aligned_alloc(odd, 48), EINVAL);
    IS_REFUSED(memalign(odd, 48), EINVAL);
    IS_REFUSED(memalign(all, 48), EINVAL);
    char *page = valloc(10), *pages = pvalloc(4097);
    CHECK((uintptr_t)page % 4096 == 0 && (uintptr_t)pages % 4096 == 0);
    CHECK(malloc_usable_size(pages) >= 8192);
    free(page), free(pages);
}

static void posix_memalign_that_fails(void) {
    void *mark = &mark, *place = mark;
    LEAVES_ERRNO(CHECK(posix_memalign(&place, odd, 8) == EINVAL));
    LEAVES_ERRNO(CHECK(posix_memalign(&place, zero, 8) == EINVAL));
    LEAVES_ERRNO(CHECK(posix_memalign(&place, 4, 8) == EINVAL));
    LEAVES_ERRNO(CHECK(posix_memalign(&place, 64, half + 1) == ENOMEM));
    LEAVES_ERRNO(CHECK(posix_memalign(&place, 64, all) == ENOMEM));
    CHECK(place == mark);
    LEAVES_ERRNO(CHECK(posix_memalign(&place, 64, zero) == 0));
    CHECK(place != mark && place != NULL);
    free(place);
}

static void freeing(void) {
    LEAVES_ERRNO(free(NULL));
    LEAVES_ERRNO(cfree(NULL));
    LEAVES_ERRNO(free(keep(malloc(10))));
    LEAVES_ERRNO(free(keep(malloc(10 << 20))));
    LEAVES_ERRNO(cfree(keep(malloc(10))));
    LEAVES_ERRNO(free_sized(keep(malloc(10)), 10));
    LEAVES_ERRNO(free_aligned_sized(keep(aligned_alloc(64, 128)), 64, 128));
    LEAVES_ERRNO(free_sized(NULL, 10));
    LEAVES_ERRNO(free_aligned_sized(NULL, 64, 10));
}

static void questions(void) {
    struct mallinfo2 before = mallinfo2();
    CHECK(before.arena > 0 && before.uordblks + before.fordblks == before.arena);
    char *large = keep(malloc(100 << 20));
    struct mallinfo2 with = mallinfo2();
    CHECK(with.hblks == before.hblks + 1 && with.hblkhd >= before.hblkhd + (100 << 20));
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    struct mallinfo small = mallinfo();
    CHECK((size_t)small.hblks == with.hblks && (size_t)small.hblkhd == with.hblkhd);
    free(large);
    CHECK(mallinfo2().hblks == before.hblks);
    for (int i = 0; i < 3000; i++) {
        char **block = malloc(2000);
        *block = large;
        large = (char *)block;
    }
    for (int i = 0; i < 3000; i++) {
        char *next = *(char **)large;
        free(large);
        large = next;
    }
    CHECK(malloc_trim(0) == 1 && malloc_trim(0) == 0);
    CHECK(mallopt(M_ARENA_MAX, 1) == 1 && mallopt(M_PERTURB, 1) == 0 && mallopt(12345, 1) == 0);
    char text[2000] = "";
    FILE *file = fmemopen(text, sizeof text, "w");
    CHECK(malloc_info(0, file) == 0 && malloc_info(1, file) == EINVAL);
    fclose(file);
    CHECK(strncmp(text, "<malloc version=\"hak-", 21) == 0 && strstr(text, "</malloc>\n") != NULL);
    malloc_stats();
}

int main(void) {
    void *top = sbrk(0);
    check_that_hak_serves();
    zero_sizes();
    too_large();
    resizing();
    zeroes();
    alignment();
    posix_memalign_that_fails();
    freeing();
    questions();
    check_that_hak_serves();
    CHECK(sbrk(0) == top);
    puts("all edges hold");
    return 0;
}
