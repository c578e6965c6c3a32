// huge.c WANTED: 64 MiB of which each byte is written, and 64 MiB of which each page is read, and
// one in sixteen written. Prints resident and huge MiB at once; when WANTED of them are huge, or
// after 20 seconds; after both were freed, when little is resident, or after 2 seconds where WANTED
// is 0; and in a child of fork that does the same with the first block: eight numbers.
#include "check.h"

#define BYTES (64ul << 20)

static long resident, huge;

static void look(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    CHECK(file != NULL);
    char line[256];
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "Rss: %ld", &resident);
        sscanf(line, "AnonHugePages: %ld", &huge);
    }
    fclose(file);
    resident >>= 10;
    huge >>= 10;
}

static void show(void) {
    look();
    printf("%ld %ld\n", resident, huge);
    fflush(stdout);
}

/* Waits until so much is huge, and no more resident than that; at least a second. */
static void wait_for(long wanted, long most) {
    for (int quarter = 0; quarter < (wanted < 0 ? 8 : 80); quarter++) {
        usleep(250000);
        look();
        if (quarter >= 4 && huge >= wanted && resident <= most) break;
    }
}

static void use(char *block, size_t step) {
    for (size_t at = 0; at < BYTES; at += step) block[at] = (char)(at / step | 1);
}

static void check(char *block, size_t step) {
    for (size_t at = 0; at < BYTES; at += step) CHECK(block[at] == (char)(at / step | 1));
}

int main(int count, char **words) {
    CHECK(count == 2);
    long wanted = atol(words[1]);
    char *whole = malloc(BYTES), *sparse = malloc(BYTES);
    use(whole, 64);
    use(sparse, 16 * 4096);
    for (size_t at = 1; at < BYTES; at += 4096) CHECK(((volatile char *)sparse)[at] == 0);
    show();
    wait_for(wanted, 1000);
    show();
    check(whole, 64);
    check(sparse, 16 * 4096);
    free(whole);
    free(sparse);
    wait_for(wanted == 0 ? -1 : 0, 16);
    show();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        whole = malloc(BYTES);
        use(whole, 64);
        wait_for(wanted, 1000);
        show();
        check(whole, 64);
        exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
