/* Fills a limit of 1 GiB with blocks of SIZE, frees most of those that were allocated later, and
   asks for as many again. */
#include "case.h"
int main(int count, char **arguments) {
    static char *blocks[20000];
    size_t size = count > 1 ? strtoul(arguments[1], NULL, 0) : 65536;
    int all = 0, freed = 0, again = 0, per = (2 << 20) / size;
    while (all < 20000 && (blocks[all] = malloc(size))) all++;
    /* The first 40 superslabs and the last one stay as they are; of the others one block in each
       stays. */
    for (int i = 40 * per; i < all - per; i++)
        if (i % per) free(blocks[i]), freed++;
    while (again < freed && keep(malloc(size))) again++;
    printf("%d blocks of %zu B; of %d that were freed %d could be obtained again\n", all, size,
        freed, again);
    return freed < 1000 || again != freed;
}
