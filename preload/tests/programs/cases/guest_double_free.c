/* A block that the destructor of a key frees, when its thread has no heap any more, and the main
   thread once more. */
#include "case.h"
static pthread_key_t key;
static void *body(void *block) {
    free(keep(malloc(10)));
    pthread_setspecific(key, block);
    return NULL;
}
int main(void) {
    /* hak's own key is made now, so that its destructor is the first one. */
    char *once = keep(malloc(3000)), *other = keep(malloc(3000));
    CHECK(pthread_key_create(&key, free) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, body, once) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    free(keep(once));
    free(other);
    puts("the second free was not noticed");
    return 1;
}
