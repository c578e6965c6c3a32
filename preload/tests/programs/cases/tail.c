/* Frees an address at the end of a slab where no block fits. It is to be noticed; the program
   ends with 1 if it is not. */
#include "case.h"
int main(void) {
    static char *blocks[4000];
    for (int i = 0; i < 4000; i++) CHECK((blocks[i] = keep(malloc(48))) != NULL);
    char *slab = (char *)((uintptr_t)blocks[100] & ~0xfffful);
    free(keep(slab + 65536 / 48 * 48));
    char *block = keep(malloc(48));
    printf("slab %p; malloc returned %p\n", (void *)slab, (void *)block);
    return 1;
}
