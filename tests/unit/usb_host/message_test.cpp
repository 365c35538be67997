// The messages and the class descriptor, byte by byte.
#include <gtest/gtest.h>

#include "transport/usb/ccid_message.h"
#include "usb/descriptors.h"

using namespace sealkey;
using namespace sealkey::transport::usb;

namespace {

using transport::ByteVector;
using transport::ByteView;

constexpr std::size_t kAt = 18;  // in the configuration, behind its own descriptor and the interface's
ByteVector class_descriptor() {
    return {usb::kConfigurationDescriptor.begin() + kAt, usb::kConfigurationDescriptor.begin() + kAt + 54};
}
ByteVector changed(std::size_t at, std::uint8_t value) {
    ByteVector out = class_descriptor();
    out[at] = value;
    return out;
}

TEST(UsbHostDescriptor, KeysOwnIsUnderstood) {
    const auto traits = parse_class_descriptor(class_descriptor());
    ASSERT_TRUE(traits);
    EXPECT_TRUE(traits->extended);
    EXPECT_EQ(traits->max_message, usb::kMaxMessage);
}

TEST(UsbHostDescriptor, ShortLevelIsUnderstood) {
    const auto traits = parse_class_descriptor(changed(42, 0x02));
    ASSERT_TRUE(traits);
    EXPECT_FALSE(traits->extended);
}

TEST(UsbHostDescriptor, OthersBeforeItAreSkipped) {
    ByteVector extra{3, 0x30, 0};
    const ByteVector own = class_descriptor();
    extra.insert(extra.end(), own.begin(), own.end());
    EXPECT_TRUE(parse_class_descriptor(extra));
}

TEST(UsbHostDescriptor, WhatCantBeDrivenIsRefused) {
    EXPECT_FALSE(parse_class_descriptor({}));
    EXPECT_FALSE(parse_class_descriptor(changed(0, 53)));
    EXPECT_FALSE(parse_class_descriptor(changed(0, 0)));
    EXPECT_FALSE(parse_class_descriptor(changed(0, 1)));
    EXPECT_FALSE(parse_class_descriptor(changed(0, 255)));
    EXPECT_FALSE(parse_class_descriptor(changed(1, 0x22)));
    EXPECT_FALSE(parse_class_descriptor(changed(42, 0x00))) << "characters";
    EXPECT_FALSE(parse_class_descriptor(changed(42, 0x01))) << "TPDU";
    EXPECT_FALSE(parse_class_descriptor(changed(42, 0x06))) << "two levels";
    EXPECT_FALSE(parse_class_descriptor(changed(45, 0x00))) << "a message too short for a short APDU";
    const ByteVector whole = class_descriptor();
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_class_descriptor(ByteView(whole).first(size))) << size;
    }
}

TEST(UsbHostDescriptor, LongestMessageOfGigabytesIsNotBelieved) {
    const auto traits = parse_class_descriptor(changed(47, 0xFF));
    ASSERT_TRUE(traits);
    EXPECT_LT(traits->max_message, 70'000U);
}

TEST(UsbHostMessage, IsWrittenAsTheSpecificationSays) {
    EXPECT_EQ(make_message(Command::power_on, 5), (ByteVector{0x62, 0, 0, 0, 0, 0, 5, 0, 0, 0}));
    EXPECT_EQ(make_message(Command::transfer, 255, ByteVector{9, 8}, Level::goes_on),
              (ByteVector{0x6F, 2, 0, 0, 0, 0, 255, 0, 0x10, 0, 9, 8}));
    const ByteVector longer = make_message(Command::transfer, 1, ByteVector(0x1234));
    EXPECT_EQ(ByteVector(longer.begin(), longer.begin() + 5), (ByteVector{0x6F, 0x34, 0x12, 0, 0}));
}

TEST(UsbHostMessage, ErrorsHaveWords) {
    EXPECT_EQ(text_of_error(0xE0), "busy with another command");
    EXPECT_EQ(text_of_error(0xF8), "bad first byte of the answer to reset");
    EXPECT_EQ(text_of_error(0xFF), "aborted");
    EXPECT_EQ(text_of_error(7), "byte 7 of the message is wrong");
    EXPECT_EQ(text_of_error(0x9A), "error 154");
}

}  // namespace
