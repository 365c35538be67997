#include "vpcd_frame.h"

#include <gtest/gtest.h>

namespace sealkey::sim {
namespace {

using Body = std::vector<std::uint8_t>;

TEST(VpcdFrame, OneByteBodiesAreControlCommandsAndNothingElseIs) {
    EXPECT_EQ(vpcd_control(Body{0x00}), VpcdControl::power_off);
    EXPECT_EQ(vpcd_control(Body{0x01}), VpcdControl::power_on);
    EXPECT_EQ(vpcd_control(Body{0x02}), VpcdControl::reset);
    EXPECT_EQ(vpcd_control(Body{0x04}), VpcdControl::atr);
    EXPECT_EQ(vpcd_control(Body{0x03}), std::nullopt);
    EXPECT_EQ(vpcd_control(Body{0xFF}), std::nullopt);
    EXPECT_EQ(vpcd_control(Body{}), std::nullopt);
    EXPECT_EQ(vpcd_control(Body{0x00, 0x00}), std::nullopt);
}

TEST(VpcdFrame, WhatIsFramedReadsBackHoweverItArrives) {
    for (const std::size_t size : {0U, 1U, 2U, 255U, 256U, 65535U}) {
        Body body(size);
        for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::uint8_t>(i * 7);
        const auto frame = vpcd_frame(body);
        for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, frame.size()}) {
            VpcdFrameReader reader;
            for (std::size_t at = 0; at < frame.size(); at += piece) {
                ASSERT_EQ(reader.next(), std::nullopt);
                reader.feed(Bytes(frame).subspan(at, std::min(piece, frame.size() - at)));
            }
            EXPECT_EQ(reader.next(), body);
            EXPECT_EQ(reader.next(), std::nullopt);
            EXPECT_EQ(reader.pending(), 0U);
        }
    }
}

TEST(VpcdFrame, SeveralFramesInOnePieceComeInOrder) {
    VpcdFrameReader reader;
    reader.feed(Body{0x00, 0x01, 0x04, 0x00, 0x00, 0x00, 0x02, 0xAA, 0xBB, 0x00});
    EXPECT_EQ(reader.next(), Body{0x04});
    EXPECT_EQ(reader.next(), Body{});
    EXPECT_EQ(reader.next(), (Body{0xAA, 0xBB}));
    EXPECT_EQ(reader.next(), std::nullopt);
    EXPECT_EQ(reader.pending(), 1U);
}

TEST(VpcdFrame, TooLongABodyIsRefused) { EXPECT_THROW((void)vpcd_frame(Body(65536)), std::length_error); }

}  // namespace
}  // namespace sealkey::sim
