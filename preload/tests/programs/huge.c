// huge.c: 64 MiB of which each byte is written, and 64 MiB of which each page is read, and one in
// sixteen written. Prints
// resident and huge MiB then, after two seconds, after both were freed and two more seconds passed,
// and in a child of fork that does the same with the first block: eight numbers.
#include "check.h"

#define BYTES (64ul << 20)

static void show(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    CHECK(file != NULL);
    long resident = -1, huge = -1;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        sscanf(line, "Rss: %ld", &resident);
        sscanf(line, "AnonHugePages: %ld", &huge);
    }
    fclose(file);
    printf("%ld %ld\n", resident >> 10, huge >> 10);
    fflush(stdout);
}

static void use(char *block, size_t step) {
    for (size_t at = 0; at < BYTES; at += step) block[at] = (char)(at / step | 1);
}

static void check(char *block, size_t step) {
    for (size_t at = 0; at < BYTES; at += step) CHECK(block[at] == (char)(at / step | 1));
}

int main(void) {
    char *whole = malloc(BYTES), *sparse = malloc(BYTES);
    use(whole, 64);
    use(sparse, 16 * 4096);
    for (size_t at = 1; at < BYTES; at += 4096) CHECK(((volatile char *)sparse)[at] == 0);
    show();
    sleep(2);
    show();
    check(whole, 64);
    check(sparse, 16 * 4096);
    free(whole);
    free(sparse);
    sleep(2);
    show();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        whole = malloc(BYTES);
        use(whole, 64);
        sleep(2);
        show();
        check(whole, 64);
        exit(0);
    }
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
