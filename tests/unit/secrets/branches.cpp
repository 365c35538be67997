// No branch and no address of our own code depends on a secret. Run under valgrind's memcheck, where the secrets are
// marked as undefined: a jump or an index that depends on one is then an error, the same at every run.
//
// Secret here: the device secret, and with it all that is opened under it: the keys of the wraps, the DEK, K_unlock,
// the expected reset code and what it is made from. Covered: VERIFY, CHANGE REFERENCE DATA, the lock statement, REDEEM
// CODE (wrong and right), from the APDU to the flash, and constant_time_equal() by itself, as MACs and 9B use it.
//
// Public by design, and so declared defined where it arises: whether two secrets were equal or a seal opened, what was
// sealed (it goes
// to flash), a MAC that is given out. What the host presents (PIN, digits) is not marked: its form is checked openly,
// and that tells the host only what it sent.
//
// Not covered: the inside of mbedTLS (mbedtls.supp: its AES looks up tables by secret bytes), private keys in use, and
// the management key, whose algorithm is public but is sealed along with it.
#include <mbedtls/gcm.h>
#include <valgrind/memcheck.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "base/bytes.h"
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "support/token_fixture.h"

namespace {

unsigned compared_secrets = 0;

bool is_secret(sealkey::Bytes bytes) {
    std::vector<std::uint8_t> shadow(bytes.size());
    (void)VALGRIND_GET_VBITS(bytes.data(), shadow.data(), bytes.size());
    for (const std::uint8_t bits : shadow)
        if (bits != 0) return true;
    return false;
}

void declassify(sealkey::Bytes bytes) { (void)VALGRIND_MAKE_MEM_DEFINED(bytes.data(), bytes.size()); }

}  // namespace

// The linker gives these in place of the functions of the same name (CMakeLists.txt).
bool real_equal(sealkey::Bytes a,
                sealkey::Bytes b) asm("__real__ZN7sealkey19constant_time_equalESt4spanIKhLm18446744073709551615EES2_");
bool wrapped_equal(sealkey::Bytes a, sealkey::Bytes b) asm(
    "__wrap__ZN7sealkey19constant_time_equalESt4spanIKhLm18446744073709551615EES2_");
bool wrapped_equal(sealkey::Bytes a, sealkey::Bytes b) {
    if (is_secret(a) || is_secret(b)) ++compared_secrets;
    bool same = real_equal(a, b);
    (void)VALGRIND_MAKE_MEM_DEFINED(&same, sizeof same);
    return same;
}

// Whether a seal opened: that is the answer to the PIN.
using Byte = unsigned char;
int real_open(mbedtls_gcm_context* context, std::size_t length, const Byte* iv, std::size_t iv_length,
              const Byte* associated, std::size_t associated_length, const Byte* tag, std::size_t tag_length,
              const Byte* input, Byte* output) asm("__real_mbedtls_gcm_auth_decrypt");
int wrapped_open(mbedtls_gcm_context* context, std::size_t length, const Byte* iv, std::size_t iv_length,
                 const Byte* associated, std::size_t associated_length, const Byte* tag, std::size_t tag_length,
                 const Byte* input, Byte* output) asm("__wrap_mbedtls_gcm_auth_decrypt");
int wrapped_open(mbedtls_gcm_context* context, std::size_t length, const Byte* iv, std::size_t iv_length,
                 const Byte* associated, std::size_t associated_length, const Byte* tag, std::size_t tag_length,
                 const Byte* input, Byte* output) {
    int failed =
        real_open(context, length, iv, iv_length, associated, associated_length, tag, tag_length, input, output);
    (void)VALGRIND_MAKE_MEM_DEFINED(&failed, sizeof failed);
    return failed;
}

using SealedStatus = sealkey::Status;
SealedStatus
real_seal(sealkey::Bytes key, sealkey::crypto::GcmNonce nonce, sealkey::Bytes associated, sealkey::Bytes plain, sealkey::MutableBytes out) asm(
    "__real__ZN7sealkey6crypto17gcm_seal_"
    "appendedESt4spanIKhLm18446744073709551615E"
    "ES1_IS2_Lm12EES3_S3_S1_"
    "IhLm18446744073709551615EE");
SealedStatus
wrapped_seal(sealkey::Bytes key, sealkey::crypto::GcmNonce nonce, sealkey::Bytes associated, sealkey::Bytes plain, sealkey::MutableBytes out) asm(
    "__wrap__ZN7sealkey6crypto17gcm_seal_"
    "appendedESt4spanIKhLm184467440737095516"
    "15EES1_IS2_Lm12EES3_S3_S1_"
    "IhLm18446744073709551615EE");
SealedStatus wrapped_seal(sealkey::Bytes key, sealkey::crypto::GcmNonce nonce, sealkey::Bytes associated,
                          sealkey::Bytes plain, sealkey::MutableBytes out) {
    SealedStatus done = real_seal(key, nonce, associated, plain, out);
    declassify(out);
    return done;
}

using MacResult = sealkey::Result<sealkey::crypto::Mac>;
MacResult real_mac(sealkey::Bytes key, std::initializer_list<sealkey::Bytes> parts) asm(
    "__real__ZN7sealkey6crypto4cmacESt4spanIKhLm18446744073709551615EESt16initializer_listIS3_E");
MacResult wrapped_mac(sealkey::Bytes key, std::initializer_list<sealkey::Bytes> parts) asm(
    "__wrap__ZN7sealkey6crypto4cmacESt4spanIKhLm18446744073709551615EESt16initializer_listIS3_E");
MacResult wrapped_mac(sealkey::Bytes key, std::initializer_list<sealkey::Bytes> parts) {
    MacResult mac = real_mac(key, parts);
    if (mac) declassify(*mac);
    return mac;
}

namespace sealkey::testing {
namespace {

int failures = 0;

void require(bool fine, const char* what) {
    if (fine) return;
    std::printf("FAILED: %s\n", what);
    ++failures;
}

// Runs `work` and demands that valgrind found nothing new.
template <class Work>
void without_branches(const char* what, Work work) {
    const auto before = VALGRIND_COUNT_ERRORS;
    work();
    const auto found = VALGRIND_COUNT_ERRORS - before;
    std::printf("%s: %u branches or addresses that depend on a secret\n", what, static_cast<unsigned>(found));
    require(found == 0, what);
}

class MarkedSecret final : public platform::DeviceSecret {
public:
    void read(std::span<std::uint8_t, kSize> out) override {
        FakeDeviceSecret().read(out);
        (void)VALGRIND_MAKE_MEM_UNDEFINED(out.data(), out.size());
    }
};

// A token over the flash of one that was made without marks.
struct MarkedToken {
    explicit MarkedToken(TestToken& made) : parts(made.flash().geometry(), 7) {
        parts.flash.restore(made.flash().state());
        require(token.power_on().ok(), "the token starts");
    }
    StatusWord send(const ByteVector& apdu, ByteVector* data = nullptr) {
        answer.assign(300, 0);
        const std::size_t n = token.transmit(apdu, answer);
        declassify(answer);
        if (data != nullptr) data->assign(answer.begin(), answer.begin() + static_cast<std::ptrdiff_t>(n - 2));
        return load_be16(&answer[n - 2]);
    }
    TestPlatform parts;
    MarkedSecret secret;
    platform::Platform platform{parts.flash, parts.entropy,           parts.clock, parts.indicator, parts.presence,
                                secret,      {1, 2, 3, 4, 5, 6, 7, 8}};
    applet::Token token{platform};
    ByteVector answer;
};

void check_comparison() {
    std::array<std::uint8_t, 16> expected{};
    std::array<std::uint8_t, 16> given{};
    given[3] = 1;
    (void)VALGRIND_MAKE_MEM_UNDEFINED(expected.data(), expected.size());
    without_branches("constant_time_equal", [&] {
        require(!constant_time_equal(expected, given), "different");
        given[3] = 0;
        require(constant_time_equal(expected, given), "alike");
    });
    // The check can fail: an open comparison of the same bytes is found.
    const auto before = VALGRIND_COUNT_ERRORS;
    if (equal(expected, given)) std::printf("planted branch taken\n");
    require(VALGRIND_COUNT_ERRORS > before, "a planted memcmp is found");
}

void check_pin(TestToken& made) {
    MarkedToken marked(made);
    const ByteVector verify = {0x00, 0x20, 0x00, 0x80, 0x08};
    without_branches("VERIFY, wrong", [&] {
        require(marked.send(concat({verify, padded(kWrongPin)})) == 0x63C5, "a wrong PIN");
    });
    without_branches("VERIFY, right", [&] {
        require(marked.send(concat({verify, padded(kPin)})) == 0x9000, "the right PIN");
    });
    without_branches("CHANGE REFERENCE DATA", [&] {
        const ByteVector head = {0x00, 0x24, 0x00, 0x80, 0x10};
        require(marked.send(concat({head, padded(kPin), padded(kOtherPin)})) == 0x9000, "a change");
    });
}

void check_code(TestToken& made) {
    made.lock_pin();
    const ByteVector code = text(made.reset_code());
    ByteVector wrong = code;
    wrong[0] = wrong[0] == '1' ? '2' : '1';
    MarkedToken marked(made);
    without_branches("lock statement", [&] {
        require(marked.send(from_hex("00 CB 3F FF 05 5C 03 5F FF 43 00")) == 0x9000, "the statement");
    });
    const ByteVector head = {0x80, 0x20, 0x00, 0x80, 0x17};
    const unsigned before = compared_secrets;
    without_branches("REDEEM CODE, wrong", [&] {
        require(marked.send(concat({head, wrong, padded(kOtherPin), {0x00}})) == 0x63C4, "a wrong code");
    });
    without_branches("REDEEM CODE, right", [&] {
        require(marked.send(concat({head, code, padded(kOtherPin), {0x00}})) == 0x9000, "the right code");
    });
    require(compared_secrets == before + 2, "the code that was compared is marked");
}

int run() {
    if (RUNNING_ON_VALGRIND == 0) {
        std::printf("FAILED: not under valgrind, where alone this finds anything\n");
        return 2;
    }
    const auto made = TestToken::personalised(Profile::shipping, {4096, 24, 256});
    check_comparison();
    check_pin(*made);
    check_code(*made);
    return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace sealkey::testing

int main() { return sealkey::testing::run(); }
