/* Linked with -lhak instead of LD_PRELOAD. */
#include <stdio.h>
#include <stdlib.h>

extern int hak_owns(const void *address);

int main(void) {
    void *block = malloc(100);
    printf("%d\n", hak_owns(block));
    free(block);
    return 0;
}
