// What a lying token may answer, through the whole PKCS#11 module: whatever a program then asks of it, nothing crashes,
// no buffer that a caller gave is written past its end, and no PIN is sent twice.
//
// Input: three bytes, then answers. Bytes: bit 0 of the first: a reader with extended length; bits 1 to 5: which
// programs run besides (kAnswersItsDialogs and on). The second and the third: at which command the transport fails, and
// how (0: never). An answer is key(2) length(2) bytes; a command's key is its INS and P2, for GET DATA its INS and the
// last byte of the object's tag. The answers of one key are given in turn, the last one for ever; a command without one
// gets 6A82.
#include <algorithm>
#include <cstdlib>
#include <map>

#include "base/bytes.h"
#include "cryptoki3.h"
#include "protocol/atr.h"
#include "transport/transport.h"

using namespace sealkey;
using transport::Failure;

namespace {

// What a program does besides, by the bits of the input's first byte.
constexpr unsigned kAnswersItsDialogs = 1;
constexpr unsigned kChangesItsPin = 2;
constexpr unsigned kLogsOut = 4;
constexpr unsigned kMakesObjects = 8;
constexpr unsigned kIsTheOfficer = 16;

constexpr char kPin[] = "739155";
constexpr char kNewPin[] = "264817";
constexpr char kReader[] = "a reader";
const transport::ByteVector kOurAtr(std::begin(protocol::kAtr), std::end(protocol::kAtr));
constexpr std::size_t kLongestCommand = 4096 + 9;
constexpr Failure kFailures[] = {Failure::no_service, Failure::no_reader,     Failure::no_card, Failure::card_reset,
                                 Failure::in_use,     Failure::communication, Failure::timeout};

struct Dialogue {
    explicit Dialogue(Bytes input) {
        if (input.size() < 3) return;
        extended = (input[0] & 1) != 0;
        programs = (input[0] >> 1) & 31;
        fails_at = input[1];
        failure = kFailures[input[2] % std::size(kFailures)];
        input = input.subspan(3);
        while (input.size() >= 4) {
            const unsigned key = load_be16(input.data());
            const std::size_t length = std::min<std::size_t>(load_be16(input.data() + 2), input.size() - 4);
            answers[key].push_back(input.subspan(4, length));
            input = input.subspan(4 + length);
        }
    }

    transport::ByteVector answer(Bytes command) {
        if (command.size() < 4 || command.size() > kLongestCommand) std::abort();
        const auto pin = bytes_of(kPin);
        if (std::search(command.begin(), command.end(), pin.begin(), pin.end()) != command.end()) {
            if (++pins_sent > pins_given) std::abort();
        }
        if (++commands == fails_at) throw transport::TransportError(failure, "as the input says");
        const bool get_data = command[1] == 0xCB && command.size() >= 10;
        const unsigned key = static_cast<unsigned>(command[1] << 8) | (get_data ? command[9] : command[3]);
        const auto found = answers.find(key);
        if (found == answers.end()) return {0x6A, 0x82};
        InTurn& turn = found->second;
        const Bytes one = turn.all[std::min(turn.next++, turn.all.size() - 1)];
        return {one.begin(), one.end()};
    }

    struct InTurn {
        std::vector<Bytes> all;
        std::size_t next = 0;
        void push_back(Bytes one) { all.push_back(one); }
    };
    std::map<unsigned, InTurn> answers;
    bool extended = false;
    unsigned programs = 0;
    unsigned fails_at = 0;
    Failure failure = Failure::no_service;
    unsigned commands = 0;
    unsigned pins_given = 0;
    unsigned pins_sent = 0;
};

Dialogue* dialogue = nullptr;

class LyingCard final : public transport::Connection {
public:
    transport::ByteVector transmit(transport::ByteView command) override { return dialogue->answer(command); }
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    [[nodiscard]] transport::ByteVector atr() const override { return kOurAtr; }
    [[nodiscard]] bool extended_length() const override { return dialogue->extended; }
};

class OneReader final : public transport::Provider {
public:
    std::vector<transport::ReaderState> readers() override { return {{kReader, true, kOurAtr, 1}}; }
    bool wait_for_change(const std::vector<transport::ReaderState>&, std::chrono::milliseconds) override {
        return false;
    }
    void cancel() noexcept override {}
    std::unique_ptr<transport::Connection> connect(const std::string&) override {
        return std::make_unique<LyingCard>();
    }
};

CK_FUNCTION_LIST* p11 = nullptr;

CK_MECHANISM plain(CK_MECHANISM_TYPE type) { return {type, nullptr, 0}; }

// Every attribute by itself: its length, then its value into a buffer of exactly that length.
void read_attributes(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
    for (const CK_ATTRIBUTE_TYPE type : {CKA_CLASS,
                                         CKA_TOKEN,
                                         CKA_PRIVATE,
                                         CKA_LABEL,
                                         CKA_VALUE,
                                         CKA_CERTIFICATE_TYPE,
                                         CKA_ISSUER,
                                         CKA_SERIAL_NUMBER,
                                         CKA_KEY_TYPE,
                                         CKA_SUBJECT,
                                         CKA_ID,
                                         CKA_MODULUS,
                                         CKA_MODULUS_BITS,
                                         CKA_PUBLIC_EXPONENT,
                                         CKA_EC_PARAMS,
                                         CKA_EC_POINT,
                                         CKA_PUBLIC_KEY_INFO,
                                         CKA_ALWAYS_AUTHENTICATE,
                                         CKA_START_DATE,
                                         CKA_END_DATE,
                                         CKA_CHECK_VALUE,
                                         CKA_APPLICATION}) {
        CK_ATTRIBUTE one{type, nullptr, 0};
        if (p11->C_GetAttributeValue(session, object, &one, 1) != CKR_OK) continue;
        std::vector<std::uint8_t> value(one.ulValueLen);
        one.pValue = value.data();
        static_cast<void>(p11->C_GetAttributeValue(session, object, &one, 1));
    }
    CK_ULONG size = 0;
    static_cast<void>(p11->C_GetObjectSize(session, object, &size));
}

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, std::vector<CK_ATTRIBUTE> wanted) {
    std::vector<CK_OBJECT_HANDLE> found(64);
    CK_ULONG count = 0;
    if (p11->C_FindObjectsInit(session, wanted.data(), wanted.size()) != CKR_OK) return {};
    if (p11->C_FindObjects(session, found.data(), found.size(), &count) != CKR_OK) count = 0;
    static_cast<void>(p11->C_FindObjectsFinal(session));
    if (count > found.size()) std::abort();
    found.resize(count);
    return found;
}

std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS wanted) {
    return find(session, {{CKA_CLASS, &wanted, sizeof wanted}});
}

void log_in(CK_SESSION_HANDLE session, CK_USER_TYPE user) {
    std::uint8_t pin[sizeof kPin - 1];
    std::copy_n(kPin, sizeof pin, pin);
    ++dialogue->pins_given;
    // The standard has no such answer to a PIN, whatever the token says or another program does to it.
    if (p11->C_Login(session, user, pin, sizeof pin) == CKR_USER_NOT_LOGGED_IN) std::abort();
}

// With the buffer that the module asks for, of exactly that length, in memory of its own.
template <class Call>
void produce(Call call) {
    CK_ULONG length = 0;
    if (call(nullptr, &length) != CKR_OK) return;
    if (length > 65536) std::abort();
    std::vector<std::uint8_t> out(length);
    static_cast<void>(call(out.data(), &length));
    if (length > out.size()) std::abort();
}

void use_private_keys(CK_SESSION_HANDLE session) {
    std::uint8_t digest[32] = {1, 2, 3};
    std::uint8_t block[256] = {0, 1};
    std::uint8_t point[65] = {4, 1, 2, 3};
    for (const auto key : find(session, CKO_PRIVATE_KEY)) {
        for (const auto type : {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_ECDSA, CKM_ECDSA_SHA256}) {
            CK_MECHANISM mechanism = plain(type);
            if (p11->C_SignInit(session, &mechanism, key) != CKR_OK) continue;
            if ((dialogue->programs & kAnswersItsDialogs) != 0) log_in(session, CKU_CONTEXT_SPECIFIC);
            produce([&](std::uint8_t* out, CK_ULONG* length) {
                return p11->C_Sign(session, digest, sizeof digest, out, length);
            });
        }
        CK_RSA_PKCS_OAEP_PARAMS parameters{CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
        CK_MECHANISM oaep{CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
        CK_MECHANISM pkcs1 = plain(CKM_RSA_PKCS);
        for (CK_MECHANISM* mechanism : {&oaep, &pkcs1}) {
            if (p11->C_DecryptInit(session, mechanism, key) != CKR_OK) continue;
            produce([&](std::uint8_t* out, CK_ULONG* length) {
                return p11->C_Decrypt(session, block, sizeof block, out, length);
            });
        }
        CK_ECDH1_DERIVE_PARAMS ecdh{CKD_NULL, 0, nullptr, sizeof point, point};
        CK_MECHANISM derive{CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
        CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
        CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
        CK_ATTRIBUTE derived[] = {{CKA_CLASS, &secret, sizeof secret}, {CKA_KEY_TYPE, &generic, sizeof generic}};
        CK_OBJECT_HANDLE made = 0;
        if (p11->C_DeriveKey(session, &derive, key, derived, 2, &made) == CKR_OK) read_attributes(session, made);
    }
}

void use_public_keys(CK_SESSION_HANDLE session) {
    std::uint8_t data[32] = {1, 2, 3};
    std::uint8_t signature[512] = {0x30};
    for (const auto key : find(session, CKO_PUBLIC_KEY)) {
        for (const auto type : {CKM_SHA256_RSA_PKCS, CKM_ECDSA}) {
            CK_MECHANISM mechanism = plain(type);
            for (const CK_ULONG length : {64, 96, 256, 384, 512}) {
                if (p11->C_VerifyInit(session, &mechanism, key) != CKR_OK) break;
                static_cast<void>(p11->C_Verify(session, data, sizeof data, signature, length));
            }
        }
        CK_MECHANISM pkcs1 = plain(CKM_RSA_PKCS);
        if (p11->C_EncryptInit(session, &pkcs1, key) != CKR_OK) continue;
        produce([&](std::uint8_t* out, CK_ULONG* length) {
            return p11->C_Encrypt(session, data, sizeof data, out, length);
        });
    }
}

// --- session objects, and what goes between them and the token's keys ---

CK_OBJECT_HANDLE make_aes(CK_SESSION_HANDLE session, bool generated) {
    CK_OBJECT_CLASS object_class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ULONG length = 16;
    std::uint8_t value[16] = {7};
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE all[] = {{CKA_CLASS, &object_class, sizeof object_class},
                          {CKA_KEY_TYPE, &type, sizeof type},
                          {CKA_EXTRACTABLE, &yes, sizeof yes},
                          {CKA_VALUE, value, sizeof value}};
    CK_OBJECT_HANDLE made = 0;
    if (!generated) return p11->C_CreateObject(session, all, std::size(all), &made) == CKR_OK ? made : 0;
    all[3] = {CKA_VALUE_LEN, &length, sizeof length};
    CK_MECHANISM mechanism = plain(CKM_AES_KEY_GEN);
    return p11->C_GenerateKey(session, &mechanism, all, std::size(all), &made) == CKR_OK ? made : 0;
}

void wrap_and_unwrap(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE secret) {
    CK_RSA_PKCS_OAEP_PARAMS parameters{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
    CK_MECHANISM oaep{CKM_RSA_PKCS_OAEP, &parameters, sizeof parameters};
    CK_MECHANISM pkcs1 = plain(CKM_RSA_PKCS);
    std::uint8_t block[256] = {0, 2};
    for (CK_MECHANISM* mechanism : {&oaep, &pkcs1}) {
        for (const auto key : find(session, CKO_PUBLIC_KEY)) {
            produce([&](std::uint8_t* out, CK_ULONG* length) {
                return p11->C_WrapKey(session, mechanism, key, secret, out, length);
            });
        }
        for (const auto key : find(session, CKO_PRIVATE_KEY)) {
            CK_OBJECT_HANDLE made = 0;
            if (p11->C_UnwrapKey(session, mechanism, key, block, sizeof block, nullptr, 0, &made) != CKR_OK) continue;
            read_attributes(session, made);
        }
    }
    CK_MECHANISM wrap = plain(CKM_AES_KEY_WRAP);
    produce([&](std::uint8_t* out, CK_ULONG* length) {
        return p11->C_WrapKey(session, &wrap, secret, secret, out, length);
    });
    CK_OBJECT_HANDLE made = 0;
    static_cast<void>(p11->C_UnwrapKey(session, &wrap, secret, block, 24, nullptr, 0, &made));
}

void recover(CK_SESSION_HANDLE session) {
    std::uint8_t data[32] = {1, 2, 3};
    std::uint8_t signature[256] = {0, 1};
    CK_MECHANISM pkcs1 = plain(CKM_RSA_PKCS);
    for (const auto key : find(session, CKO_PRIVATE_KEY)) {
        if (p11->C_SignRecoverInit(session, &pkcs1, key) != CKR_OK) continue;
        produce([&](std::uint8_t* out, CK_ULONG* length) {
            return p11->C_SignRecover(session, data, sizeof data, out, length);
        });
    }
    for (const auto key : find(session, CKO_PUBLIC_KEY)) {
        if (p11->C_VerifyRecoverInit(session, &pkcs1, key) != CKR_OK) continue;
        produce([&](std::uint8_t* out, CK_ULONG* length) {
            return p11->C_VerifyRecover(session, signature, sizeof signature, out, length);
        });
    }
}

// Parts, with a digest beside them; ended by C_SessionCancel where nothing else does.
void use_parts(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE secret) {
    std::uint8_t data[64] = {1, 2, 3};
    std::uint8_t out[512];
    CK_MECHANISM ecb = plain(CKM_AES_ECB);
    CK_MECHANISM hash = plain(CKM_SHA256);
    CK_MECHANISM pss_hash = plain(CKM_SHA256_RSA_PKCS);
    CK_MECHANISM pkcs1 = plain(CKM_RSA_PKCS);
    CK_ULONG length = sizeof out;
    static_cast<void>(p11->C_DigestInit(session, &hash));
    static_cast<void>(p11->C_EncryptInit(session, &ecb, secret));
    static_cast<void>(p11->C_DigestEncryptUpdate(session, data, sizeof data, out, &length));
    static_cast<void>(p11->C_DigestKey(session, secret));
    for (const auto key : find(session, CKO_PRIVATE_KEY)) {
        static_cast<void>(p11->C_SignInit(session, &pss_hash, key));
        static_cast<void>(p11->C_SignUpdate(session, data, sizeof data));
        produce([&](std::uint8_t* signature, CK_ULONG* size) { return p11->C_SignFinal(session, signature, size); });
        static_cast<void>(p11->C_DecryptInit(session, &pkcs1, key));
        length = sizeof out;
        static_cast<void>(p11->C_DecryptUpdate(session, out, 256, out, &length));
        produce([&](std::uint8_t* plaintext, CK_ULONG* size) { return p11->C_DecryptFinal(session, plaintext, size); });
        if (C_SessionCancel(session, CKF_SIGN | CKF_DECRYPT) == CKR_GENERAL_ERROR) std::abort();
    }
    if (C_SessionCancel(session, ~0UL) == CKR_GENERAL_ERROR) std::abort();
}

void make_objects(CK_SESSION_HANDLE session) {
    // The token has no part in these: once is enough.
    read_attributes(session, make_aes(session, true));
    const CK_OBJECT_HANDLE secret = make_aes(session, false);
    if (secret == 0) std::abort();
    wrap_and_unwrap(session, secret);
    use_parts(session, secret);
    CK_OBJECT_HANDLE copy = 0;
    std::uint8_t label[3] = {'a', 'b', 'c'};
    CK_ATTRIBUTE change{CKA_LABEL, label, sizeof label};
    if (p11->C_CopyObject(session, secret, &change, 1, &copy) == CKR_OK) {
        read_attributes(session, copy);
        static_cast<void>(p11->C_DestroyObject(session, copy));
    }
    recover(session);
    // None of the token's own is anybody's to change here.
    for (const auto object : find(session, CKO_CERTIFICATE)) {
        CK_ATTRIBUTE rename{CKA_LABEL, nullptr, 0};
        if (p11->C_SetAttributeValue(session, object, &rename, 1) == CKR_OK) std::abort();
    }
    CK_MECHANISM mechanism = plain(CKM_SHA256_RSA_PKCS);
    if (C_MessageSignInit(session, &mechanism, 1) == CKR_OK) std::abort();
}

void be_the_officer(CK_SESSION_HANDLE session) {
    std::uint8_t key[48];
    std::fill(std::begin(key), std::end(key), '1');
    static_cast<void>(p11->C_Login(session, CKU_SO, key, sizeof key));
    CK_BBOOL yes = CK_TRUE;
    std::uint8_t id = 1;
    std::uint8_t curve[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
    CK_ATTRIBUTE publicly{CKA_EC_PARAMS, curve, sizeof curve};
    CK_ATTRIBUTE privately[] = {{CKA_TOKEN, &yes, sizeof yes}, {CKA_ID, &id, sizeof id}};
    CK_MECHANISM mechanism = plain(CKM_EC_KEY_PAIR_GEN);
    CK_OBJECT_HANDLE made[2] = {};
    static_cast<void>(p11->C_GenerateKeyPair(session, &mechanism, &publicly, 1, privately, 2, made, made + 1));
    for (const auto object : find(session, CKO_CERTIFICATE)) static_cast<void>(p11->C_DestroyObject(session, object));
    static_cast<void>(p11->C_SetPIN(session, key, sizeof key, key, sizeof key));
    std::uint8_t pin[6] = {'1', '2', '3', '9', '8', '7'};
    static_cast<void>(p11->C_InitPIN(session, pin, sizeof pin));
    static_cast<void>(p11->C_Logout(session));
}

void use_token(CK_SLOT_ID slot) {
    CK_TOKEN_INFO token{};
    static_cast<void>(p11->C_GetTokenInfo(slot, &token));
    CK_SESSION_HANDLE session = 0;
    if (p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, nullptr, nullptr, &session) != CKR_OK) return;
    for (const auto object : find(session, std::vector<CK_ATTRIBUTE>{})) read_attributes(session, object);
    if ((dialogue->programs & kIsTheOfficer) != 0) be_the_officer(session);
    log_in(session, CKU_USER);
    use_private_keys(session);
    use_public_keys(session);
    if ((dialogue->programs & kMakesObjects) != 0) make_objects(session);
    std::uint8_t random[32];
    static_cast<void>(p11->C_GenerateRandom(session, random, sizeof random));
    if ((dialogue->programs & kChangesItsPin) != 0) {
        std::uint8_t old_pin[sizeof kPin - 1];
        std::uint8_t new_pin[sizeof kNewPin - 1];
        std::copy_n(kPin, sizeof old_pin, old_pin);
        std::copy_n(kNewPin, sizeof new_pin, new_pin);
        ++dialogue->pins_given;
        static_cast<void>(p11->C_SetPIN(session, old_pin, sizeof old_pin, new_pin, sizeof new_pin));
    }
    if ((dialogue->programs & kLogsOut) != 0) static_cast<void>(p11->C_Logout(session));
    for (const auto object : find(session, CKO_CERTIFICATE)) read_attributes(session, object);
    static_cast<void>(p11->C_GetTokenInfo(slot, &token));
    static_cast<void>(p11->C_CloseSession(session));
}

}  // namespace

// In place of the one that looks for real readers.
std::unique_ptr<transport::Provider> transport::make_default_provider(transport::Links) {
    return std::make_unique<OneReader>();
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
    ::setenv("SEALKEY_CACHE", "off", 1);
    ::unsetenv("SEALKEY_LOG");
    return C_GetFunctionList(&p11) == CKR_OK ? 0 : 1;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Dialogue one(Bytes(data, size));
    dialogue = &one;
    if (p11->C_Initialize(nullptr) != CKR_OK) std::abort();
    CK_SLOT_ID slots[4];
    CK_ULONG count = 4;
    if (p11->C_GetSlotList(CK_TRUE, slots, &count) != CKR_OK || count != 1) std::abort();
    use_token(slots[0]);
    if (p11->C_Finalize(nullptr) != CKR_OK) std::abort();
    return 0;
}
