// Out of memory in every form of new: thrown, or null. Linked with the library and with a C++ runtime of its own
// (-static-libstdc++), whose functions are no dynamic symbols unless somebody asks for them.
#include <cstdint>
#include <cstdio>
#include <new>

static volatile std::size_t too_much = PTRDIFF_MAX - 100;

#ifdef HANDLER
static int handled;
static void throws() {
    handled++;
    throw 7;
}
#endif

#ifdef ANYTHING
// It names no type that it could catch: whatever is thrown will do.
int main() {
    try {
        char *volatile block = new char[too_much];
        return block != nullptr;
    } catch (...) {
        std::puts("fine");
        return 0;
    }
}
#else
int main() {
    std::align_val_t align{64};
    int caught = 0;
    for (int form = 0; form < 4; form++) {
        try {
            if (form == 0) ::operator new(too_much);
            if (form == 1) ::operator new[](too_much);
            if (form == 2) ::operator new(too_much, align);
            if (form == 3) ::operator new[](too_much, align);
        } catch (const std::bad_alloc &) {
            caught++;
        }
    }
    if (caught != 4) return std::printf("%d of 4 thrown\n", caught), 1;
    auto all_null = [&] {
        return !::operator new(too_much, std::nothrow) && !::operator new[](too_much, std::nothrow) &&
               !::operator new(too_much, align, std::nothrow) &&
               !::operator new[](too_much, align, std::nothrow);
    };
    if (!all_null()) return std::puts("not null"), 1;
#ifdef HANDLER
    std::set_new_handler(throws);
    if (!all_null()) return std::puts("not null with a handler"), 1;
    if (handled != 4) return std::printf("the handler was called %d times\n", handled), 1;
    try {
        ::operator new(too_much);
        return 1;
    } catch (int what) {
        if (what != 7) return 1;
    }
#endif
    std::puts("fine");
    return 0;
}
#endif
