// Waits for keys that are ended from outside. No key is needed, nor a port.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <thread>

#include "transport/usb/provider.h"

using namespace sealkey;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::chrono::seconds kWait{20};
constexpr std::chrono::seconds kAtOnce{5};

// Whether the readers changed; nothing where the ports can't be looked at here.
std::optional<bool> wait(transport::Provider& provider) {
    try {
        return provider.wait_for_change({}, kWait);
    } catch (const transport::TransportError&) {
        return std::nullopt;
    }
}

TEST(UsbProvider, CancelBeforeTheFirstQuestionEndsTheNextWaitAndNoOther) {
    const auto provider = transport::make_usb_provider();
    provider->cancel();
    const auto begin = Clock::now();
    EXPECT_EQ(wait(*provider), false);
    EXPECT_LT(Clock::now() - begin, kAtOnce);
    try {
        EXPECT_FALSE(provider->wait_for_change({}, std::chrono::milliseconds(50)));
        EXPECT_GE(Clock::now() - begin, std::chrono::milliseconds(50));
    } catch (const transport::TransportError& error) {
        std::printf("the ports can't be looked at here: %s\n", error.what());
    }
}

TEST(UsbProvider, CancelEndsAWaitAtAnyMomentOfItsBeginning) {
    try {
        (void)transport::make_usb_provider()->readers();
    } catch (const transport::TransportError& error) {
        GTEST_SKIP() << "the ports can't be looked at here: " << error.what();
    }
    for (int moment = 0; moment < 40; ++moment) {
        const auto provider = transport::make_usb_provider();
        const auto begin = Clock::now();
        std::thread waiter([&] { EXPECT_EQ(wait(*provider), false); });
        std::this_thread::sleep_for(std::chrono::microseconds(100 * moment));  // the moment is what is tried out
        provider->cancel();
        waiter.join();
        EXPECT_LT(Clock::now() - begin, kAtOnce) << moment;
    }
}

}  // namespace
