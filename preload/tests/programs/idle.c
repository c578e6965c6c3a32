/* Allocates 96 MiB in blocks of 64 KiB and three of 8 MiB, frees them, and does nothing for
   three seconds. Says how many pages are resident then; so does a child that was forked after
   that and does the same. */
#include "check.h"

#include <fcntl.h>
#include <sys/wait.h>

/* Without a call of the allocator. */
static long resident_pages(void) {
    char text[64] = {0};
    int file = open("/proc/self/statm", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    return strtol(strchr(text, ' '), 0, 10);
}

static void work_and_rest(void) {
    static char *held[1536], *large[3];
    for (int i = 0; i < 1536; i++) {
        held[i] = malloc(65536);
        CHECK(held[i]);
        memset(held[i], 1, 65536);
    }
    for (int i = 0; i < 3; i++) {
        large[i] = malloc(8 << 20);
        CHECK(large[i]);
        memset(large[i], 1, 8 << 20);
    }
    for (int i = 0; i < 1536; i++)
        free(held[i]);
    for (int i = 0; i < 3; i++)
        free(large[i]);
    sleep(3);
    char line[32];
    int length = snprintf(line, sizeof line, "%ld\n", resident_pages());
    CHECK(write(1, line, length) == length);
}

int main(void) {
    work_and_rest();
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        work_and_rest();
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
