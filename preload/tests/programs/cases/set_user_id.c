/* A program that is started with more rights than who starts it: HAK_LIMIT and the others are
   not read. */
#include "case.h"
#include <sys/auxv.h>
int main(void) {
    if (!getauxval(AT_SECURE)) skip("the system started the program with no other rights");
    CHECK(hak_owns != NULL);
    void *block = keep(malloc(5 << 20));
    CHECK(hak_owns(block));
    puts("fine");
    return 0;
}
