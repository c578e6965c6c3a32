/* A queue of records of 16 bytes of which 8 are used: dropping the first one moves bytes that
   were never written, and with them whatever earlier blocks left there. No double free. */
#include "case.h"
int main(void) {
    static void *objects[100000];
    for (int i = 0; i < 100000; i++) objects[i] = malloc(16);
    for (int i = 0; i < 100000; i++) free(objects[i]);
    for (int round = 0; round < 1000; round++) {
        char *buffer = keep(malloc(480));
        for (int i = 0; i < 480; i += 16) memcpy(buffer + i, &i, sizeof i);
        memmove(buffer, buffer + 16, 480 - 16);
        keep(buffer);
        free(buffer);
    }
    puts("fine");
    return 0;
}
