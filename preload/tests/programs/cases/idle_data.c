/* VmData of a program that has one block, in kB. */
#include "case.h"
int main(void) {
    keep(malloc(100));
    printf("%ld\n", proc_k("/proc/self/status", "VmData:"));
    return 0;
}
