/* Allocates so many bytes in blocks of one size, frees them in order or in disorder, idles for a
   second, and says how many pages were resident at the peak and are at the end. Without a size:
   how many kilobytes were resident at most. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static long resident_pages(void) {
    long all = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%ld %ld", &all, &resident) != 2)
        abort();
    fclose(file);
    return resident;
}

static long peak_kilobytes(void) {
    char line[256];
    long peak = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, file))
        if (!strncmp(line, "VmHWM:", 6))
            peak = atol(line + 6);
    fclose(file);
    return peak;
}

int main(int count, char **words) {
    if (count < 4) {
        printf("%ld\n", peak_kilobytes());
        return 0;
    }
    size_t bytes = strtoul(words[1], 0, 10), size = strtoul(words[2], 0, 10);
    size_t blocks = bytes / size;
    char **held = malloc(blocks * sizeof *held);
    for (size_t i = 0; i < blocks; i++) {
        held[i] = malloc(size);
        memset(held[i], 1, size);
    }
    long peak = resident_pages();
    if (!strcmp(words[3], "disorder")) {
        unsigned long state = 1;
        for (size_t i = blocks - 1; i > 0; i--) {
            state = state * 6364136223846793005ul + 1442695040888963407ul;
            size_t other = (state >> 33) % (i + 1);
            char *block = held[i];
            held[i] = held[other];
            held[other] = block;
        }
    }
    for (size_t i = 0; i < blocks; i++)
        free(held[i]);
    free(held);
    sleep(1);
    printf("%ld %ld\n", peak, resident_pages());
    return 0;
}
