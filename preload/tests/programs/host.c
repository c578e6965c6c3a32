/* host PLUGIN: a program in C that loads a plugin in C++, so that the C++ runtime is not in the
   global scope. Without a plugin it calls operator new itself. */
#include "check.h"

extern void *_Znwm(size_t) __attribute__((weak));

int main(int count, char **arguments) {
    CHECK(_Znwm != NULL && hak_owns(_Znwm(10)));
    if (count == 1) {
        _Znwm(PTRDIFF_MAX);
        return 4;
    }
    void *plugin = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    CHECK(plugin != NULL);
    CHECK(dlsym(RTLD_DEFAULT, "_ZSt17__throw_bad_allocv") == NULL);
    int (*caught)(void) = (int (*)(void))dlsym(plugin, "caught");
    CHECK(caught != NULL && caught() == 1);
    puts("caught");
    return 0;
}
