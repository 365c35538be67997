// Where a program that can't go on ends: interrupts off, so that the watchdog restarts the chip. A restart is what the
// store is made for; nothing is written here.
#include <hardware/sync.h>

extern "C" {

[[noreturn]] void sealkey_stop() {
    (void)save_and_disable_interrupts();
    for (;;) __wfi();
}

// For the C library, which would bring signals.
[[noreturn]] void abort() { sealkey_stop(); }

// The program has no end, and nothing to do there.
int atexit(void (*)()) { return 0; }

}  // extern "C"
