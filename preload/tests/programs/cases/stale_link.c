/* stale_link HOW: writes to a freed block and allocates. ascii: letters. minus: -1. double:
   -1.5. byte: a zero, as of a string that is one byte too long in the block in front. It is to
   be noticed; the program ends with 1 if it is not. */
#include "case.h"
int main(int count, char **arguments) {
    CHECK(count == 2);
    const char *how = arguments[1];
    char *blocks[8];
    for (int i = 0; i < 8; i++) blocks[i] = keep(malloc(80));
    for (int i = 7; i >= 0; i--) free(blocks[i]);
    /* The first one was freed last; its link leads to the second. */
    char *first = keep(blocks[0]);
    if (!strcmp(how, "ascii")) memcpy(first, "abcdefgh", 8);
    if (!strcmp(how, "minus")) memset(first, 0xff, 8);
    if (!strcmp(how, "double")) *(double *)first = -1.5;
    if (!strcmp(how, "byte")) first[0] = 0;
    keep(first);
    for (int i = 0; i < 4; i++) {
        char *block = keep(malloc(80));
        printf("%p\n", (void *)block);
        fflush(stdout);
        block[0] = 1;
    }
    return 1;
}
