/* For the programs of these cases: what they ask of the system. Each judges itself: it ends with
   0 if all was right. */
#ifndef CASE_H
#define CASE_H
#include "../check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

static inline double seconds_of(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}
static inline double seconds(void) { return seconds_of(CLOCK_MONOTONIC); }

/* A field of /proc/self/statm in KiB: 0 is the size, 1 what is resident. Allocates nothing. */
static inline long statm(int field) {
    char text[128] = {0};
    long pages[2] = {0, 0};
    int file = open("/proc/self/statm", O_RDONLY);
    CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0);
    close(file);
    CHECK(sscanf(text, "%ld %ld", &pages[0], &pages[1]) == 2);
    return pages[field] * 4;
}
static inline long resident_k(void) { return statm(1); }
static inline long size_k(void) { return statm(0); }

/* A line of a file of /proc/self that begins with NAME: its number. */
static inline long proc_k(const char *file, const char *name) {
    static char text[65536];
    int number = open(file, O_RDONLY);
    CHECK(number >= 0);
    ssize_t all = 0, some;
    while ((some = read(number, text + all, sizeof text - 1 - all)) > 0) all += some;
    close(number);
    text[all] = 0;
    char *line = strstr(text, name);
    return line ? strtol(line + strlen(name), NULL, 10) : -1;
}

static inline void limit(int what, unsigned long bytes) {
    struct rlimit both = {bytes, bytes};
    CHECK(setrlimit(what, &both) == 0);
}

/* What cannot be asked here: the test says so, and goes on. */
static inline void skip(const char *why) {
    printf("skipped: %s\n", why);
    fflush(stdout);
    _exit(77);
}
#endif
