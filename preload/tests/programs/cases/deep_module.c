/* For deep_binding: it frees, by the name that it finds, what the C library has allocated, and
   has the C library's getline make a block larger that it allocated itself. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int deep(void) {
    char *copy = strdup("a text of some length");
    if (!copy) return 1;
    free(copy);
    FILE *file = fopen("/proc/self/status", "r");
    size_t size = 8;
    char *line = malloc(size);
    while (file && getline(&line, &size, file) > 0) {}
    free(line);
    if (file) fclose(file);
    return 0;
}
