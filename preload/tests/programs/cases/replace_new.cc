// A program replaces operator new(size_t) and operator delete(void*), as the C++ standard lets it. All other forms for blocks
// without an alignment of their own must call these two; what they throw, the nothrow forms catch.
#include <cstdio>
#include <cstdlib>
#include <new>

static long live, calls;
static bool refuse;

void *operator new(std::size_t size) {
    char *block = refuse ? nullptr : static_cast<char *>(std::malloc(size + 32));
    if (!block) throw std::bad_alloc();
    live++, calls++;
    return block + 32;
}

void operator delete(void *block) noexcept {
    if (!block) return;
    live--, calls++;
    std::free(static_cast<char *>(block) - 32);
}

struct Object {
    int x[10];
    virtual ~Object() {}
};

static int wrong(const char *what) {
    std::printf("%s (%ld live, %ld calls)\n", what, live, calls);
    return 1;
}

int main() {
    const std::nothrow_t &nothrow = std::nothrow;
    Object *volatile one = new Object;
    delete one;
    Object *volatile some = new Object[3];
    delete[] some;
    if (live != 0 || calls != 4) return wrong("objects do not call what was replaced");
    // The compiler may leave out a pair of new and delete expressions, but not calls of the functions.
    ::operator delete(::operator new(10), std::size_t(10));
    ::operator delete(::operator new(10, nothrow), nothrow);
    ::operator delete[](::operator new[](10));
    ::operator delete[](::operator new[](10), std::size_t(10));
    ::operator delete[](::operator new[](10, nothrow), nothrow);
    if (live != 0 || calls != 14) return wrong("a form does not call what was replaced");
    // The forms with an alignment were not replaced, and call each other.
    std::align_val_t align{64};
    ::operator delete(::operator new(10, align), std::size_t(10), align);
    ::operator delete(::operator new(10, align, nothrow), align, nothrow);
    ::operator delete[](::operator new[](10, align), std::size_t(10), align);
    ::operator delete[](::operator new[](10, align, nothrow), align, nothrow);
    ::operator delete[](::operator new[](10, align), align);
    if (live != 0 || calls != 14) return wrong("a form with an alignment calls one without");
    refuse = true;
    if (::operator new(10, nothrow) || ::operator new[](10, nothrow)) return wrong("not null");
    int caught = 0;
    try {
        ::operator new[](10);
    } catch (const std::bad_alloc &) {
        caught++;
    }
    refuse = false;
    if (caught != 1 || live != 0 || calls != 14) return wrong("nothing was thrown");
    std::puts("fine");
    return 0;
}
