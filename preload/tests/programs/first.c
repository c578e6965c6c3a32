/* The first call of all may be any: made before the library's own constructor ran. */
#include "check.h"

static const char *which;

/* Runs before the constructors of all libraries. */
static void first(int count, char **arguments, char **environment) {
    (void)environment;
    which = count > 1 ? arguments[1] : "";
    /* Nothing was allocated yet. */
    CHECK(mallinfo2().arena == 0);
    if (!strcmp(which, "free")) {
        free(keep(NULL));
        CHECK(mallinfo2().arena == 0);
    } else if (!strcmp(which, "realloc")) {
        char *block = realloc(keep(NULL), 100);
        CHECK(block != NULL);
        sign(block, 100);
        check_signed(block, 100);
        free(block);
    } else if (!strcmp(which, "trim")) {
        CHECK(malloc_trim(0) == 0);
    } else if (!strcmp(which, "calloc")) {
        CHECK(keep(calloc(3, 5)) != NULL);
    } else if (!strcmp(which, "usable")) {
        CHECK(malloc_usable_size(keep(NULL)) == 0);
    } else if (!strcmp(which, "foreign")) {
        free(keep(&which));
    }
}
__attribute__((section(".preinit_array"), used)) static void (*before_all)(int, char **,
                                                                           char **) = first;

int main(void) {
    check_that_hak_serves();
    puts(which);
    return 0;
}
