/* Sizes that the system refuses to map are refused by malloc, too: the program is told, and does
   not die later. */
#include "case.h"
int main(void) {
    size_t gib[] = {1, 8, 30, 60, 100, 300, 900, 1100};
    int wrong = 0, refused = 0;
    for (int i = 0; i < 8; i++) {
        size_t bytes = gib[i] << 30;
        void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int fits = map != MAP_FAILED;
        if (fits) munmap(map, bytes); else refused++;
        char *block = keep(malloc(bytes));
        int granted = block != NULL;
        free(block);
        char *zeroed = keep(calloc(bytes >> 10, 1 << 10));
        printf("%zu GiB: mmap %s, malloc %s, calloc %s\n", gib[i], fits ? "grants" : "refuses",
               granted ? "grants" : "refuses", zeroed ? "grants" : "refuses");
        wrong |= (!fits && (granted || zeroed)) || (gib[i] == 1 && fits && !granted);
        free(zeroed);
    }
    if (!refused) skip("this system refuses nothing");
    return wrong;
}
