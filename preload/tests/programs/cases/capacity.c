/* Blocks of 1 GiB, untouched, until there is no more or there are 3,000; small requests go on. */
#include "case.h"
int main(void) {
    int count = 0;
    while (count < 3000 && keep(malloc(1ul << 30))) count++;
    char *small = keep(malloc(100)), *more = keep(malloc(100000));
    printf("%d blocks of 1 GiB; then 100 bytes %s, 100 kB %s\n", count,
           small ? "granted" : "refused",
           more ? "granted" : "refused");
    return count < 500 || !small || !more;
}
