/* stack_use: how many bytes of stack each question and wish of malloc.h takes. Each runs on a
   thread whose stack was filled with a pattern; what is not the pattern any more was used. More
   than 4 KiB is too much: threads with the least stack that there is ask, too. The C library's
   own work (the lookup of a symbol, fwrite) is done once before. Argument: the most bytes that
   are fine. */
#include "case.h"

enum { STACK = 256 << 10 };
static char *stack, *begin;
static FILE *nowhere;
static void (*job)(void);
static volatile size_t sink;

static void trim(void) { malloc_trim(0); }
static void info2(void) { sink = mallinfo2().arena; }
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void info1(void) { sink = mallinfo().arena; }
static void xml(void) { malloc_info(0, nowhere); }
static void lines(void) { malloc_stats(); }
static void pair(void) { free(keep(malloc(100))); }
static void large(void) { free(keep(realloc(keep(malloc(5 << 20)), 9 << 20))); }
static void aligned(void) { free(keep(memalign(1 << 20, 100000))); }

static void *on_thread(void *unused) {
    /* The first call gives the thread its heap. */
    pair();
    char here;
    begin = &here - 256;
    memset(stack, 0x5a, begin - stack);
    job();
    return unused;
}

static size_t used_by(void (*what)(void)) {
    pthread_t thread;
    pthread_attr_t attributes;
    job = what;
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, on_thread, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    char *lowest = stack;
    while (lowest < begin && *lowest == 0x5a) lowest++;
    return begin - lowest;
}

/* Something for them to look at and to give back. */
static void fill(void) {
    static char *blocks[3000];
    for (int i = 0; i < 3000; i++) CHECK((blocks[i] = malloc(i * 37 % 100000)) != NULL);
    for (int i = 0; i < 3000; i++) memset(blocks[i], 1, i * 37 % 100000);
    for (int i = 0; i < 3000; i += 1 + (i % 5 == 0)) free(blocks[i]);
}

int main(int count, char **arguments) {
    size_t most = count > 1 ? strtoul(arguments[1], NULL, 0) : 4096;
    check_that_hak_serves();
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    /* Without a buffer fwrite would take one on the stack. */
    nowhere = fopen("/dev/null", "w");
    static char buffer[65536];
    setvbuf(nowhere, buffer, _IOFBF, sizeof buffer);
    struct { const char *name; void (*what)(void); } all[] = {
        {"malloc", pair},     {"realloc", large},  {"memalign", aligned}, {"malloc_trim", trim},
        {"mallinfo2", info2}, {"mallinfo", info1}, {"malloc_info", xml},  {"malloc_stats", lines},
    };
    int bad = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        fill();
        all[i].what();
        fill();
        size_t used = used_by(all[i].what);
        printf("%s: %zu bytes of stack\n", all[i].name, used);
        bad |= used >= most;
    }
    return bad;
}
