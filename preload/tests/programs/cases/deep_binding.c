/* deep_binding LIBRARY [NAME]: loads a library with RTLD_DEEPBIND and calls it. And a library by
   its NAME alone, which only the RUNPATH of this program finds: whoever calls dlopen, it is this
   program that asks. */
#include "case.h"
int main(int count, char **arguments) {
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_GLOBAL | RTLD_DEEPBIND);
    CHECK(library != NULL);
    int (*deep)(void) = (int (*)(void))dlsym(library, "deep");
    CHECK(deep != NULL && deep() == 0);
    CHECK(dlopen("no-such-library.so", RTLD_NOW | RTLD_DEEPBIND) == NULL && dlerror() != NULL);
    if (count > 2) {
        void *found = dlopen(arguments[2], RTLD_LAZY | RTLD_DEEPBIND);
        if (!found) return puts(dlerror()), 1;
    }
    puts("fine");
    return 0;
}
