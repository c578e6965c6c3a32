// Every form of new and delete; what happens when there is no memory.
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

extern "C" int hak_owns(const void *) __attribute__((weak));

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            dprintf(2, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition);       \
            _exit(1);                                                                       \
        }                                                                                   \
    } while (0)

static volatile std::size_t too_much = PTRDIFF_MAX - 100;
static const std::nothrow_t &nothrow = std::nothrow;
using std::align_val_t;
using std::size_t;

static void *served(void *block, size_t align = 16) {
    CHECK(block != nullptr && hak_owns(block));
    CHECK(reinterpret_cast<uintptr_t>(block) % align == 0);
    memset(block, 0x5a, 100);
    return block;
}

static void every_form() {
    const align_val_t a{256};
    ::operator delete(served(::operator new(100)));
    ::operator delete(served(::operator new(100)), size_t(100));
    ::operator delete(served(::operator new(100, nothrow)), nothrow);
    ::operator delete(served(::operator new(100, a), 256), a);
    ::operator delete(served(::operator new(100, a), 256), size_t(100), a);
    ::operator delete(served(::operator new(100, a, nothrow), 256), a, nothrow);
    ::operator delete[](served(::operator new[](100)));
    ::operator delete[](served(::operator new[](100)), size_t(100));
    ::operator delete[](served(::operator new[](100, nothrow)), nothrow);
    ::operator delete[](served(::operator new[](100, a), 256), a);
    ::operator delete[](served(::operator new[](100, a), 256), size_t(100), a);
    ::operator delete[](served(::operator new[](100, a, nothrow), 256), a, nothrow);
    ::operator delete(nullptr);
    ::operator delete[](nullptr);
    void *one = ::operator new(0), *two = ::operator new(0);
    CHECK(one != nullptr && two != nullptr && one != two);
    ::operator delete(one);
    ::operator delete(two);
    // malloc and new are one allocator.
    free(::operator new(50));
    ::operator delete(malloc(50));
}

template <class Call> static bool throws_bad_alloc(Call call) {
    try {
        call();
    } catch (const std::bad_alloc &) {
        return true;
    }
    return false;
}

static void without_memory() {
    const align_val_t a{64};
    CHECK(throws_bad_alloc([] { return ::operator new(too_much); }));
    CHECK(throws_bad_alloc([] { return ::operator new[](too_much); }));
    CHECK(throws_bad_alloc([=] { return ::operator new(too_much, a); }));
    CHECK(throws_bad_alloc([=] { return ::operator new[](too_much, a); }));
    CHECK(throws_bad_alloc([] { return ::operator new(10, align_val_t{24}); }));
    CHECK(throws_bad_alloc([] { return ::operator new(10, align_val_t{0}); }));
    CHECK(::operator new(too_much, nothrow) == nullptr);
    CHECK(::operator new[](too_much, nothrow) == nullptr);
    CHECK(::operator new(too_much, a, nothrow) == nullptr);
    CHECK(::operator new[](too_much, a, nothrow) == nullptr);
    CHECK(::operator new(10, align_val_t{24}, nothrow) == nullptr);
    CHECK(throws_bad_alloc([] { std::string(size_t(1) << 50, 'x'); }));
    CHECK(throws_bad_alloc([] { std::vector<char>(size_t(1) << 50); }));
}

static int calls;
struct Own : std::bad_alloc {};

static void with_a_handler() {
    // Called until it gives up.
    calls = 0;
    std::set_new_handler([] {
        if (++calls == 3) std::set_new_handler(nullptr);
    });
    CHECK(throws_bad_alloc([] { return ::operator new(too_much); }) && calls == 3);
    // What it throws arrives; the nothrow forms turn it into null.
    std::set_new_handler([] { ++calls; throw Own(); });
    bool arrived = false;
    try {
        ::operator delete(::operator new(too_much));
    } catch (const Own &) {
        arrived = true;
    }
    CHECK(arrived && calls == 4);
    CHECK(::operator new(too_much, nothrow) == nullptr && calls == 5);
    CHECK(::operator new[](too_much, nothrow) == nullptr && calls == 6);
    CHECK(::operator new(too_much, align_val_t{64}, nothrow) == nullptr && calls == 7);
    std::set_new_handler(nullptr);
}

struct alignas(128) Wide {
    char bytes[200];
};

int main() {
    CHECK(hak_owns != nullptr);
    every_form();
    without_memory();
    with_a_handler();
    auto wide = new Wide[7];
    CHECK(reinterpret_cast<uintptr_t>(wide) % 128 == 0 && hak_owns(wide));
    delete[] wide;
    // Exceptions and their memory, on several threads.
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; t++) {
        threads.emplace_back([] {
            for (int i = 0; i < 2000; i++) {
                CHECK(throws_bad_alloc([] { return ::operator new(too_much); }));
                try {
                    throw std::runtime_error(std::string(100 + i % 100, 'x'));
                } catch (const std::exception &e) {
                    CHECK(strlen(e.what()) == size_t(100 + i % 100));
                }
            }
        });
    }
    for (auto &thread : threads) thread.join();
    puts("all forms hold");
}
