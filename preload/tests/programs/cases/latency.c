/* latency MIB: so many MiB in blocks of 64 KiB; a tenth is freed, in order; then one block at a time. The longest call, in time of the
   processor, is below 1 ms; the best of some attempts counts, since other programs use the machine's caches. */
#include "case.h"
static double now(void) { return seconds_of(CLOCK_THREAD_CPUTIME_ID) * 1e3; }
int main(int count, char **arguments) {
    CHECK(count == 2);
    long blocks = atol(arguments[1]) << 4;
    char **held = malloc(blocks * sizeof *held);
    double best = 1e9;
    for (int attempt = 0; attempt < 3; attempt++) {
        for (long i = 0; i < blocks; i++) {
            if (attempt && i >= blocks / 2) continue;
            CHECK((held[i] = malloc(65000)) != NULL);
            for (int k = 0; k < 65000; k += 4096) held[i][k] = 1;
        }
        double freeing = 0, pairing = 0;
        for (long i = 0; i < blocks / 2; i++) {
            double begin = now();
            free(held[i]);
            double time = now() - begin;
            if (time > freeing) freeing = time;
        }
        for (double end = seconds() + 1; seconds() < end; usleep(1000)) {
            double begin = now();
            char *block = malloc(65000);
            block[0] = 1;
            free(block);
            double time = now() - begin;
            if (time > pairing) pairing = time;
        }
        printf("the longest free %.2f ms, the longest pair after that %.2f ms\n", freeing, pairing);
        double worst = freeing > pairing ? freeing : pairing;
        if (worst < best) best = worst;
    }
    return best >= 1;
}
