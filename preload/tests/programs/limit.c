/* Allocates until there is no more, twice, and says how far it came: bytes, errno, bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *first;

static size_t fill(size_t size, int *error) {
    size_t count = 0;
    for (;;) {
        errno = 0;
        void **block = malloc(size);
        if (!block) {
            *error = errno;
            break;
        }
        memset(block, 1, size);
        *block = first;
        first = block;
        count++;
    }
    while (first) {
        void *next = *(void **)first;
        free(first);
        first = next;
    }
    return count * size;
}

int main(int count, char **words) {
    int error = 0, again = 0;
    size_t size = strtoul(words[count - 1], 0, 10);
    size_t bytes = fill(size, &error);
    size_t after = fill(size, &again);
    printf("%zu %d %zu\n", bytes, error == ENOMEM && again == ENOMEM, after);
    return 0;
}
