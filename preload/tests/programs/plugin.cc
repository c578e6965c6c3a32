// A plugin that runs out of memory and lives with it.
#include <cstdint>
#include <new>

extern "C" int caught() {
    volatile std::size_t too_much = PTRDIFF_MAX - 100;
    try {
        ::operator delete(::operator new(too_much));
    } catch (const std::bad_alloc &) {
        return 1;
    }
    return 0;
}
