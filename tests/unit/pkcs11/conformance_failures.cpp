// What a token, its reader, another program or the application's own mutexes do to a call: a token that answers
// nonsense or refuses, that has no room, that goes; a key replaced under its handle.
#include <map>
#include <thread>

#include "conformance.h"

namespace sealkey::test::conformance {

namespace {

using Step = std::function<CK_RV(Scene&)>;
using Prepare = std::function<void(Scene&)>;

void nothing(Scene&) {}
unsigned char* pin_in(Scene& c) {
    std::memcpy(c.b, kPin, sizeof(kPin) - 1);
    return c.b;
}

// A function that sends something: what is ready before the token fails, and the call that meets it.
struct Sends {
    std::string_view function;
    State state;
    Prepare prepare;
    Step call;
    std::uint16_t refusal = 0x6985;  // a status word that says no and nothing else
};

std::vector<Sends> logins_and_objects() {
    return {
        {"C_Login", State::open, nothing, [](Scene& c) { return c.login(c.s, kPin); }},
        {"C_LoginUser", State::open, nothing,
         [](Scene& c) { return c.f.C_LoginUser(c.s, CKU_USER, pin_in(c), 6, nullptr, 0); }},
        {"C_Logout", State::user, nothing, [](Scene& c) { return c.f.C_Logout(c.s); }},
        {"C_SetPIN", State::open, nothing, [](Scene& c) { return c.set_pin(kPin, kPin); }},
        // 6985: the token is in use.
        {"C_InitPIN", State::officer, nothing, [](Scene& c) { return c.f.C_InitPIN(c.s, pin_in(c), 6); }, 0x6D00},
        {"C_CreateObject", State::officer, nothing, [](Scene& c) { return c.write_certificate(); }},
        {"C_DestroyObject", State::officer, [](Scene& c) { c.made = c.certificate(); },
         [](Scene& c) { return c.f.C_DestroyObject(c.s, c.made); }},
        {"C_GetObjectSize", State::open, [](Scene& c) { c.made = c.public_key(kLogin); },
         [](Scene& c) { return c.f.C_GetObjectSize(c.s, c.made, &c.length); }},
        {"C_GetAttributeValue", State::open, [](Scene& c) { c.made = c.public_key(kLogin); },
         [](Scene& c) { return c.attribute_code(c.s, c.made, CKA_MODULUS); }},
    };
}

std::vector<Sends> public_operations() {
    const Prepare encrypting = [](Scene& c) { begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption)); };
    const Prepare verifying = [](Scene& c) { begin_verify(c); };
    return {
        {"C_Encrypt", State::open, encrypting, [](Scene& c) { return c.f.C_Encrypt(c.s, c.b, 5, c.b, &c.length); }},
        {"C_EncryptFinal", State::open, encrypting, [](Scene& c) { return c.f.C_EncryptFinal(c.s, c.b, &c.length); }},
        {"C_Verify", State::open, verifying, [](Scene& c) { return c.f.C_Verify(c.s, c.b, 5, c.b, 256); }},
        {"C_VerifyFinal", State::open, verifying, [](Scene& c) { return c.f.C_VerifyFinal(c.s, c.b, 256); }},
        {"C_VerifyRecover", State::open, [](Scene& c) { begin_rsa(c, c.f.C_VerifyRecoverInit, c.public_key(kLogin)); },
         [](Scene& c) { return c.f.C_VerifyRecover(c.s, c.b, 256, c.b, &c.length); }},
    };
}

std::vector<Sends> private_operations() {
    const Prepare decrypting = [](Scene& c) { encrypted_for_token(c); };
    const Prepare signing = [](Scene& c) { begin_sign(c); };
    return {
        {"C_Decrypt", State::user, decrypting, [](Scene& c) { return c.f.C_Decrypt(c.s, c.b, 256, c.b, &c.length); }},
        {"C_DecryptFinal", State::user,
         [](Scene& c) {
             encrypted_for_token(c);
             EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 256, c.b, &c.length), CKR_OK);
             c.length = sizeof(c.b);
         },
         [](Scene& c) { return c.f.C_DecryptFinal(c.s, c.b, &c.length); }},
        {"C_Sign", State::user, signing, [](Scene& c) { return c.f.C_Sign(c.s, c.b, 5, c.b, &c.length); }},
        {"C_SignFinal", State::user, signing, [](Scene& c) { return c.f.C_SignFinal(c.s, c.b, &c.length); }},
        {"C_SignRecover", State::user, [](Scene& c) { begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kLogin)); },
         [](Scene& c) { return c.f.C_SignRecover(c.s, c.b, 5, c.b, &c.length); }},
        // Of a PIN-always key alone: between its PIN and the operation there is no room for a look.
        {"C_DecryptInit", State::user, [](Scene& c) { c.made = c.private_key(kStray); },
         [](Scene& c) { return c.init(c.f.C_DecryptInit, CKM_RSA_PKCS, c.made); }},
    };
}

std::vector<Sends> key_management() {
    return {
        {"C_GenerateKeyPair", State::officer, nothing,
         [](Scene& c) {
             const std::uint8_t id = kFormer + 3;
             return c.generate_pair(std::move(Template().number(CKA_MODULUS_BITS, 2048)),
                                    std::move(Template().flag(CKA_TOKEN, true).bytes(CKA_ID, &id, 1)),
                                    CKM_RSA_PKCS_KEY_PAIR_GEN);
         }},
        {"C_WrapKey", State::open, [](Scene& c) { c.made = c.aes(); },
         [](Scene& c) { return c.wrap(CKM_RSA_PKCS, c.public_key(kLogin), c.made); }},
        {"C_UnwrapKey", State::user, nothing,
         [](Scene& c) { return c.unwrap(CKM_RSA_PKCS, c.private_key(kDecryption), ByteVector(256, 1), {}); }},
        {"C_DeriveKey", State::user,
         [](Scene& c) { static_cast<void>(c.attribute(c.s, c.public_key(kFormer), CKA_EC_POINT)); },
         [](Scene& c) { return c.derive(c.private_key(kFormer), {}); }},
    };
}

std::vector<Row> refusal_rows() {
    std::vector<Row> rows;
    for (auto&& some : {logins_and_objects(), public_operations(), private_operations(), key_management()}) {
        for (const Sends& one : some) {
            const auto add = [&](std::uint16_t word, CK_RV code) {
                rows.push_back({one.function, code, State::stopped, [=](Scene& c) {
                                    if (one.function == "C_DecryptInit") c.put_stray_key(protocol::PinPolicy::always);
                                    return c.through_wire(one.state, [&](FailingWire& wire) {
                                        one.prepare(c);
                                        wire.answer(word);
                                        return one.call(c);
                                    });
                                }});
            };
            add(0x6F00, CKR_DEVICE_ERROR);
            add(0x6A84, CKR_DEVICE_MEMORY);
            add(one.refusal, CKR_FUNCTION_FAILED);
        }
    }
    return rows;
}

// C_OpenSession looks at the token once its status has grown old: waited for once, by the card's word (0: none).
const std::map<std::uint16_t, CK_RV>& stale_openings(Scene& c) {
    static std::map<std::uint16_t, CK_RV> codes;
    if (!codes.empty()) return codes;
    c.through_wire(State::open, [&](FailingWire& wire) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2100));
        const auto open = [&] { return c.f.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &c.made); };
        for (const std::uint16_t word : {0x6F00, 0x6A84, 0x6985}) {
            wire.answer(word);
            codes[word] = open();
        }
        wire.cut();
        return codes[0] = open();
    });
    return codes;
}

std::vector<Row> slot_failures() {
    return {
        SEALKEY_ROW(C_OpenSession, DEVICE_ERROR, stopped, return stale_openings(c).at(0x6F00);),
            SEALKEY_ROW(C_OpenSession, DEVICE_MEMORY, stopped, return stale_openings(c).at(0x6A84);),
            SEALKEY_ROW(C_OpenSession, FUNCTION_FAILED, stopped, return stale_openings(c).at(0x6985);),
            SEALKEY_ROW(C_OpenSession, DEVICE_REMOVED, stopped, return stale_openings(c).at(0);),
            // It is waited for five seconds.
            SEALKEY_ROW(C_GetTokenInfo, DEVICE_ERROR, stopped, FailingWire wire(c.token.socket_path());
                        ::setenv("SEALKEY_SIM_SOCKETS", wire.path().c_str(), 1);
                        EXPECT_EQ(c.f.C_Initialize(nullptr), CKR_OK); wire.hush(); CK_TOKEN_INFO info{};
                        const CK_RV code = c.f.C_GetTokenInfo(0, &info); c.end();
                        ::setenv("SEALKEY_SIM_SOCKETS", c.token.socket_path().c_str(), 1); return code;),
    };
}

// Functions that send nothing, but need the card, when another call has found that it has gone.
std::vector<Row> loss_rows() {
    struct NeedsCard {
        std::string_view function;
        Prepare prepare;
        Step call;
    };
    const auto with = [](std::uint8_t key, bool private_half) -> Prepare {
        return [=](Scene& c) { c.made = private_half ? c.private_key(key) : c.public_key(key); };
    };
    const auto begins = [](Scene::Init CK_FUNCTION_LIST_3_0::*init) -> Step {
        return [=](Scene& c) { return c.init(c.f.*init, CKM_RSA_PKCS, c.made); };
    };
    const NeedsCard all[] = {
        {"C_EncryptInit", with(kDecryption, false), begins(&CK_FUNCTION_LIST_3_0::C_EncryptInit)},
        {"C_DecryptInit", with(kDecryption, true), begins(&CK_FUNCTION_LIST_3_0::C_DecryptInit)},
        {"C_SignInit", with(kLogin, true), begins(&CK_FUNCTION_LIST_3_0::C_SignInit)},
        {"C_SignRecoverInit", with(kLogin, true), begins(&CK_FUNCTION_LIST_3_0::C_SignRecoverInit)},
        {"C_VerifyInit", with(kLogin, false), begins(&CK_FUNCTION_LIST_3_0::C_VerifyInit)},
        {"C_VerifyRecoverInit", with(kLogin, false), begins(&CK_FUNCTION_LIST_3_0::C_VerifyRecoverInit)},
        {"C_DigestKey", [](Scene& c) { EXPECT_EQ(c.digest(), CKR_OK); },
         [](Scene& c) { return c.f.C_DigestKey(c.s, 123456); }},
        {"C_CopyObject", nothing, [](Scene& c) { return c.f.C_CopyObject(c.s, 123456, nullptr, 0, &c.made); }},
        {"C_SetAttributeValue", nothing, [](Scene& c) { return c.f.C_SetAttributeValue(c.s, 123456, nullptr, 0); }},
        {"C_GenerateKey", nothing,
         [](Scene& c) {
             return c.generate(CKM_AES_KEY_GEN,
                               std::move(Template().number(CKA_VALUE_LEN, 16).flag(CKA_PRIVATE, true)));
         }},
    };
    std::vector<Row> rows;
    for (const NeedsCard& one : all) {
        rows.push_back({one.function, CKR_DEVICE_REMOVED, State::user, [=](Scene& c) {
                            one.prepare(c);
                            return c.after_loss([&] { return one.call(c); });
                        }});
    }
    return rows;
}

// An operation begun with a key that another program then replaced.
std::vector<Row> replacement_rows() {
    struct Begun {
        std::string_view function;
        Prepare begin;
        Step call;
        bool told = false;  // another call has looked at the token since
    };
    const Prepare sign = [](Scene& c) { begin_sign(c, CKM_SHA256_RSA_PKCS, kStray); };
    const Prepare recover = [](Scene& c) { begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kStray)); };
    const Prepare decrypt = [](Scene& c) { encrypted_for_token(c, kStray); };
    const Prepare encrypt = [](Scene& c) { begin_rsa(c, c.f.C_EncryptInit, c.public_key(kStray)); };
    const Prepare verify = [](Scene& c) { begin_verify(c, CKM_SHA256_RSA_PKCS, kStray); };
    const Prepare open = [](Scene& c) { begin_rsa(c, c.f.C_VerifyRecoverInit, c.public_key(kStray)); };
    const Begun all[] = {
        {"C_Sign", sign, [](Scene& c) { return c.f.C_Sign(c.s, c.b, 5, c.b, &c.length); }},
        {"C_SignFinal", sign, [](Scene& c) { return c.f.C_SignFinal(c.s, c.b, &c.length); }},
        {"C_SignRecover", recover, [](Scene& c) { return c.f.C_SignRecover(c.s, c.b, 5, c.b, &c.length); }},
        {"C_Decrypt", decrypt, [](Scene& c) { return c.f.C_Decrypt(c.s, c.b, 256, c.b, &c.length); }},
        {"C_DecryptFinal", decrypt,
         [](Scene& c) {
             EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 256, c.b, &c.length), CKR_OK);
             c.length = sizeof(c.b);
             return c.f.C_DecryptFinal(c.s, c.b, &c.length);
         }},
        {"C_Encrypt", encrypt, [](Scene& c) { return c.f.C_Encrypt(c.s, c.b, 5, c.b, &c.length); }, true},
        {"C_EncryptFinal", encrypt, [](Scene& c) { return c.f.C_EncryptFinal(c.s, c.b, &c.length); }, true},
        {"C_Verify", verify, [](Scene& c) { return c.f.C_Verify(c.s, c.b, 5, c.b, 256); }, true},
        {"C_VerifyFinal", verify, [](Scene& c) { return c.f.C_VerifyFinal(c.s, c.b, 256); }, true},
        {"C_VerifyRecover", open, [](Scene& c) { return c.f.C_VerifyRecover(c.s, c.b, 256, c.b, &c.length); }, true},
    };
    std::vector<Row> rows;
    for (const Begun& one : all) {
        rows.push_back({one.function, CKR_KEY_HANDLE_INVALID, State::stopped, [=](Scene& c) {
                            c.put_stray_key();
                            c.begin(State::user);
                            one.begin(c);
                            c.replace_stray_key();
                            if (one.told) {
                                EXPECT_EQ(c.set_pin(kPin, kPin), CKR_OK);
                            }
                            return one.call(c);
                        }});
    }
    return rows;
}

}  // namespace

std::vector<Row> failure_rows() {
    auto all = refusal_rows();
    for (auto&& some : {slot_failures(), loss_rows(), replacement_rows()})
        all.insert(all.end(), some.begin(), some.end());
    return all;
}

}  // namespace sealkey::test::conformance
