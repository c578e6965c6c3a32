// The same for the forms with an alignment, and for an array form alone: each calls the one that was replaced.
#include <cstdio>
#include <cstdlib>
#include <new>

static long aligned, arrays, refused;

void *operator new(std::size_t size, std::align_val_t align) {
    if (size == 77) {
        refused++;
        throw std::bad_alloc();
    }
    aligned++;
    return std::aligned_alloc(std::size_t(align), size);
}
void operator delete(void *block, std::align_val_t) noexcept {
    aligned--;
    std::free(block);
}
void *operator new[](std::size_t size) {
    arrays++;
    return std::malloc(size);
}
void operator delete[](void *block) noexcept {
    arrays--;
    std::free(block);
}

int main() {
    const std::nothrow_t &nothrow = std::nothrow;
    std::align_val_t align{64};
    void *some[] = {::operator new(64, align), ::operator new(64, align, nothrow),
                    ::operator new[](64, align), ::operator new[](64, align, nothrow)};
    if (aligned != 4) return std::printf("%ld of 4\n", aligned), 1;
    ::operator delete(some[0], std::size_t(64), align);
    ::operator delete(some[1], align, nothrow);
    ::operator delete[](some[2], std::size_t(64), align);
    ::operator delete[](some[3], align, nothrow);
    if (aligned != 0) return std::printf("%ld of 0\n", aligned), 1;
    if (::operator new(77, align, nothrow) || ::operator new[](77, align, nothrow)) return 1;
    if (refused != 2) return std::printf("%ld of 2 refused\n", refused), 1;
    void *array = ::operator new[](10, nothrow), *other = ::operator new[](10);
    if (arrays != 2) return std::printf("%ld of 2 arrays\n", arrays), 1;
    ::operator delete[](array, nothrow);
    ::operator delete[](other, std::size_t(10));
    // Those of one object were not replaced, and do not call the ones for arrays.
    ::operator delete(::operator new(10, nothrow), std::size_t(10));
    if (arrays != 0) return std::printf("%ld of 0 arrays\n", arrays), 1;
    std::puts("fine");
    return 0;
}
