/* teardown THREADS KEYS: threads that allocate and free until their very last moment: in every
   round of every key's destructor. With more keys than the C library keeps in a thread's own
   structure (32) it frees a table of its own after all of them. */
#include "check.h"

static int key_count;
static pthread_key_t keys[1000];
static atomic_int destructions;

struct value {
    int key, round;
    char *block;
};

static void destroy(void *argument) {
    struct value *value = argument;
    atomic_fetch_add(&destructions, 1);
    check_signed(value->block, 50);
    free(value->block);
    char *large = keep(malloc(20000));
    sign(large, 20000);
    if (++value->round < 4) {
        value->block = keep(malloc(50));
        sign(value->block, 50);
        CHECK(pthread_setspecific(keys[value->key], value) == 0);
    } else {
        free(value);
    }
    check_signed(large, 20000);
    free(large);
}

static void *live(void *argument) {
    for (int key = 0; key < key_count; key++) {
        struct value *value = malloc(sizeof *value);
        *value = (struct value){key, 0, malloc(50)};
        sign(value->block, 50);
        CHECK(pthread_setspecific(keys[key], value) == 0);
    }
    return argument;
}

static long heaps(void) {
    char text[2000] = "", *found;
    FILE *file = fmemopen(text, sizeof text, "w");
    CHECK(malloc_info(0, file) == 0 && fclose(file) == 0);
    CHECK((found = strstr(text, "<heaps count=\"")) != NULL);
    return strtol(found + 14, NULL, 10);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    key_count = atoi(arguments[2]);
    CHECK(key_count <= 1000);
    for (int key = 0; key < key_count; key++) CHECK(pthread_key_create(&keys[key], destroy) == 0);
    int threads = atoi(arguments[1]);
    for (int i = 0; i < threads; i += 4) {
        pthread_t four[4];
        for (int t = 0; t < 4; t++) CHECK(pthread_create(&four[t], NULL, live, four) == 0);
        for (int t = 0; t < 4; t++) CHECK(pthread_join(four[t], NULL) == 0);
    }
    CHECK(atomic_load(&destructions) == threads * key_count * 4);
    check_that_hak_serves();
    /* Four threads at a time and the first one: their heaps are used again. */
    printf("%ld\n", heaps());
    return 0;
}
