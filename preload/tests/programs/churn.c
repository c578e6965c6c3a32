/* churn SIZE WORKING-SET ROUNDS: in each round every block of the working set is freed and made
   anew. */
#include "check.h"

int main(int count, char **arguments) {
    CHECK(count == 4);
    void *top = sbrk(0);
    size_t size = strtoul(arguments[1], 0, 10), set = strtoul(arguments[2], 0, 10);
    size_t rounds = strtoul(arguments[3], 0, 10);
    char **blocks = calloc(set, sizeof *blocks);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < set; i++) {
            if (blocks[i] != NULL) {
                CHECK(blocks[i][0] == (char)i && blocks[i][size - 1] == (char)i);
                free(blocks[i]);
            }
            blocks[i] = keep(malloc(size));
            CHECK(blocks[i] != NULL);
            blocks[i][0] = blocks[i][size - 1] = (char)i;
        }
    }
    for (size_t i = 0; i < set; i++) free(blocks[i]);
    free(blocks);
    check_that_hak_serves();
    CHECK(sbrk(0) == top);
    return 0;
}
