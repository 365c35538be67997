// Descriptors: lengths and numbers as a host adds them up.
#include "usb/descriptors.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "usb/ccid.h"

using namespace sealkey;
using namespace sealkey::usb;

namespace {

std::uint32_t le(Bytes bytes, std::size_t at, std::size_t size) {
    std::uint32_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | bytes[at + i];
    return value;
}

// The descriptors of a configuration one by one, with the class's own.
std::vector<Bytes> parts(Bytes whole) {
    std::vector<Bytes> out;
    while (!whole.empty()) {
        const std::size_t size = whole[0];
        if (size < 2 || size > whole.size()) {
            ADD_FAILURE() << "a descriptor of " << size << " bytes where " << whole.size() << " are left";
            break;
        }
        out.push_back(whole.first(size));
        whole = whole.subspan(size);
    }
    return out;
}

TEST(Descriptors, DeviceLeavesItsClassToTheInterfaceAndSaysThatThereIsABos) {
    const Bytes device = kDeviceDescriptor;
    EXPECT_EQ(device[0], 18);
    EXPECT_EQ(device[17], 1);
    EXPECT_GE(le(device, 2, 2), 0x0201U);
    EXPECT_EQ(le(device, 4, 3), 0U);
    EXPECT_EQ(le(device, 8, 2), kVendorId);
    EXPECT_EQ(le(device, 10, 2), kProductId);
}

TEST(Descriptors, ConfigurationAddsUp) {
    const Bytes whole = kConfigurationDescriptor;
    EXPECT_EQ(le(whole, 2, 2), whole.size());
    const auto all = parts(whole);
    ASSERT_EQ(all.size(), 6U);
    EXPECT_EQ(all[1][4], 3) << "endpoints";
    EXPECT_EQ(all[1][5], 0x0B) << "smart card";
    EXPECT_EQ(all[2][1], 0x21);
    EXPECT_EQ(all[2].size(), 54U);
    const std::uint8_t endpoints[3][4] = {{0x01, 2, 64, 0}, {0x81, 2, 64, 0}, {0x82, 3, 8, 0}};
    for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(equal(all[3 + i].subspan(2, 4), endpoints[i])) << i;
    EXPECT_GT(all[5][6], 0) << "how often a host asks";
}

TEST(Descriptors, ReaderTakesExtendedApdusOfT1InOneMessage) {
    const Bytes ccid = parts(kConfigurationDescriptor)[2];
    EXPECT_EQ(le(ccid, 2, 2), 0x0110U);
    EXPECT_EQ(le(ccid, 6, 4), 2U) << "T=1 alone";
    EXPECT_EQ(le(ccid, 40, 4) & 0x0007'0000, 0x0004'0000U) << "short and extended APDU level";
    EXPECT_EQ(le(ccid, 44, 4), Ccid::kHeaderSize + Ccid::kMaxCommand);
    EXPECT_EQ(ccid[53], 1) << "slots that may be busy";
    EXPECT_EQ(ccid[18], 1) << "clocks in the answer to GET_CLOCK_FREQUENCIES";
    EXPECT_EQ(ccid[27], 1) << "rates in the answer to GET_DATA_RATES";
}

TEST(Descriptors, BosLeadsToMicrosoftsSet) {
    const Bytes bos = kBosDescriptor;
    EXPECT_EQ(le(bos, 2, 2), bos.size());
    EXPECT_EQ(bos[4], 1);
    const Bytes platform = bos.subspan(5);
    ASSERT_EQ(platform[0], platform.size());
    EXPECT_EQ(platform[2], 5);
    EXPECT_EQ(le(platform, 4, 4), 0xD8DD60DFU);
    EXPECT_EQ(le(platform, 24, 2), kMicrosoftDescriptorSet.size());
    EXPECT_EQ(platform[26], kMicrosoftRequest);
    const Bytes set = kMicrosoftDescriptorSet;
    EXPECT_EQ(le(set, 8, 2), set.size());
    EXPECT_EQ(le(set, 4, 4), le(platform, 20, 4)) << "the Windows version of both";
    EXPECT_EQ(le(set, 0, 2) + le(set, 10, 2), set.size());
    // A compatible id would win over the class: with WINUSB there Windows would load no smart-card driver.
    EXPECT_EQ(le(set, 14, 4), 0U);
}

std::string string_at(std::uint8_t index, std::string_view serial) {
    std::vector<std::uint8_t> out(kMaxString);
    const std::size_t size = string_descriptor(index, serial, out);
    if (size == 0) return "none";
    EXPECT_EQ(out[0], size);
    EXPECT_EQ(out[1], type::string);
    std::string text;
    for (std::size_t i = 2; i < size; i += 2) {
        EXPECT_EQ(out[i + 1], 0);
        text += static_cast<char>(out[i]);
    }
    return text;
}

TEST(Descriptors, StringsNameTheKeyAndItsSerial) {
    EXPECT_EQ(string_at(1, "x"), "sealkey");
    EXPECT_EQ(string_at(2, "x"), "sealkey USB key");
    EXPECT_EQ(string_at(3, "0123456789AB"), "0123456789AB");
    EXPECT_EQ(string_at(4, "x"), "none");
    EXPECT_EQ(string_at(0xEE, "x"), "none");
    std::vector<std::uint8_t> languages(kMaxString);
    ASSERT_EQ(string_descriptor(0, "x", languages), 4U);
    EXPECT_EQ(le(languages, 2, 2), 0x0409U);
}

TEST(Descriptors, SerialThatIsTooLongIsCutNotOverrun) {
    EXPECT_EQ(string_at(3, std::string(200, 'A')), std::string(32, 'A'));
    EXPECT_EQ(string_at(3, ""), "");
}

}  // namespace
