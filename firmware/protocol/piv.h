// The wire contract with PIV clients: identifiers, instructions, key references, algorithms, data objects.
// SP 800-73-4 parts 1 and 2, SP 800-78-4, and the vendor commands that common PIV clients send.
#pragma once

#include <array>
#include <cstdint>

namespace sealkey::protocol {

// SP 800-73-4 part 1, 2.2. The first five bytes (the RID) or any longer prefix select the application too.
inline constexpr std::array<std::uint8_t, 11> kPivAid = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00,
                                                         0x00, 0x10, 0x00, 0x01, 0x00};

enum class Ins : std::uint8_t {
    // ISO/IEC 7816-4 and SP 800-73-4, CLA 00
    verify = 0x20,
    change_reference_data = 0x24,
    reset_retry_counter = 0x2C,
    generate_key_pair = 0x47,
    general_authenticate = 0x87,
    select = 0xA4,
    get_response = 0xC0,
    get_data = 0xCB,
    put_data = 0xDB,
    // vendor commands of common clients, CLA 00
    move_key = 0xF6,
    get_metadata = 0xF7,
    get_serial = 0xF8,
    attest = 0xF9,
    set_pin_retries = 0xFA,
    reset = 0xFB,
    get_version = 0xFD,
    import_key = 0xFE,
    set_management_key = 0xFF,
};

// Key references (P2).
namespace ref {
inline constexpr std::uint8_t pin = 0x80;
inline constexpr std::uint8_t puk = 0x81;
inline constexpr std::uint8_t management = 0x9B;
inline constexpr std::uint8_t authentication = 0x9A;
inline constexpr std::uint8_t signature = 0x9C;
inline constexpr std::uint8_t key_management = 0x9D;
inline constexpr std::uint8_t card_authentication = 0x9E;
inline constexpr std::uint8_t retired_first = 0x82;  // 20 retired key management keys, 82-95
inline constexpr std::uint8_t retired_last = 0x95;
inline constexpr std::uint8_t attestation = 0xF9;
}  // namespace ref

// Algorithm identifiers (SP 800-78-4 table 6-2); RSA-3072, RSA-4096 as common clients number them.
enum class Algorithm : std::uint8_t {
    none = 0x00,
    tdes = 0x03,
    aes128 = 0x08,
    aes192 = 0x0A,
    aes256 = 0x0C,
    rsa3072 = 0x05,
    rsa2048 = 0x07,
    rsa4096 = 0x16,
    p256 = 0x11,
    p384 = 0x14,
    // 0x50 is kept for SM2.
};

enum class PinPolicy : std::uint8_t { standard = 0, never = 1, once = 2, always = 3 };
enum class TouchPolicy : std::uint8_t { standard = 0, never = 1, always = 2, cached = 3 };
enum class Origin : std::uint8_t { none = 0, generated = 1, imported = 2 };

// Data objects (SP 800-73-4 part 1, table 3; ours from 5FFF40).
namespace object {
inline constexpr std::uint32_t discovery = 0x7E;
inline constexpr std::uint32_t biometric_group = 0x7F61;  // absent: 6A82
inline constexpr std::uint32_t chuid = 0x5FC102;
inline constexpr std::uint32_t ccc = 0x5FC107;
inline constexpr std::uint32_t key_history = 0x5FC10C;
inline constexpr std::uint32_t cert_9a = 0x5FC105;
inline constexpr std::uint32_t cert_9c = 0x5FC10A;
inline constexpr std::uint32_t cert_9d = 0x5FC10B;
inline constexpr std::uint32_t cert_9e = 0x5FC101;
inline constexpr std::uint32_t cert_retired_first = 0x5FC10D;  // 82; 83 follows, up to 5FC120 for 95
inline constexpr std::uint32_t cert_retired_last = 0x5FC120;
inline constexpr std::uint32_t printed_information = 0x5FC109;  // PIN to read, as the standard has it
inline constexpr std::uint32_t fingerprints = 0x5FC103;         // PIN to read
inline constexpr std::uint32_t facial_image = 0x5FC108;         // PIN to read
inline constexpr std::uint32_t iris_images = 0x5FC121;          // PIN to read
inline constexpr std::uint32_t piv_admin_data = 0x5FFF00;       // common clients keep their own data here
inline constexpr std::uint32_t cert_attestation = 0x5FFF01;     // F9's certificate
inline constexpr std::uint32_t mscmap_first = 0x5FFF10;         // ..5FFF15, taken by common clients
inline constexpr std::uint32_t seal = 0x5FFF40;
inline constexpr std::uint32_t enterprise_record = 0x5FFF41;
inline constexpr std::uint32_t renewal_status = 0x5FFF42;  // computed; absent until renewals exist
inline constexpr std::uint32_t lock_statement = 0x5FFF43;  // computed; absent unless locked
inline constexpr std::uint32_t issuer_certificate = 0x5FFF44;
}  // namespace object

// Tags inside the commands.
namespace tag {
inline constexpr std::uint32_t tag_list = 0x5C;
inline constexpr std::uint32_t data = 0x53;
inline constexpr std::uint32_t application_property_template = 0x61;
inline constexpr std::uint32_t dynamic_authentication = 0x7C;
inline constexpr std::uint32_t witness = 0x80;
inline constexpr std::uint32_t challenge = 0x81;
inline constexpr std::uint32_t response = 0x82;
inline constexpr std::uint32_t exponentiation = 0x85;
inline constexpr std::uint32_t generate_template = 0xAC;
inline constexpr std::uint32_t generate_algorithm = 0x80;
inline constexpr std::uint32_t pin_policy = 0xAA;
inline constexpr std::uint32_t touch_policy = 0xAB;
inline constexpr std::uint32_t public_key = 0x7F49;
inline constexpr std::uint32_t rsa_modulus = 0x81;
inline constexpr std::uint32_t rsa_exponent = 0x82;
inline constexpr std::uint32_t ec_point = 0x86;
// inside a certificate object (SP 800-73-4 part 1, table 10 and following)
inline constexpr std::uint32_t certificate = 0x70;
inline constexpr std::uint32_t cert_info = 0x71;  // 01 = gzip
inline constexpr std::uint32_t error_detection = 0xFE;
// inside IMPORT: 01-05 = p q dp dq qinv, 06 = EC scalar
inline constexpr std::uint32_t import_p = 0x01;
inline constexpr std::uint32_t import_q = 0x02;
inline constexpr std::uint32_t import_dp = 0x03;
inline constexpr std::uint32_t import_dq = 0x04;
inline constexpr std::uint32_t import_qinv = 0x05;
inline constexpr std::uint32_t import_ec = 0x06;
}  // namespace tag

// The version that the vendor commands report: the behaviour of 5.x that common clients expect, not our firmware's own
// version (which the token status carries).
inline constexpr std::array<std::uint8_t, 3> kVendorVersion = {5, 4, 3};

}  // namespace sealkey::protocol
