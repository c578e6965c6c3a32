/* 40,000 blocks of 2 MiB at multiples of 4 MiB, which a system has mappings for only if
   neighbours are one. */
#include "case.h"
int main(void) {
    int count = 0;
    while (count < 40000 && keep(memalign(4 << 20, 2 << 20))) count++;
    printf("%d blocks (errno %d)\n", count, errno);
    return count != 40000;
}
