// Every function of PKCS#11 2.40 and 3.0 with every return code that the standard names for it: each is provoked
// through the function list, or stands in a table with the reason why nothing can provoke it.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "cryptoki3.h"
#include "failing_wire.h"
#include "module.h"

namespace sealkey::test::conformance {

inline constexpr char kManagement[] = "010203040506070801020304050607080102030405060708";

// What holds when a row's call comes: stopped: before C_Initialize; open: a read-write session; user, officer: who is
// logged in there.
enum class State { stopped, open, user, officer };

// A token with the library and one session, and calls that rows share.
class Scene : public PersonalisedModuleTest {
public:
    Scene();
    void begin(State state);
    void end();

    using ModuleTest::attribute;
    using ModuleTest::attribute_code;
    using ModuleTest::login;
    using ModuleTest::object;
    using ModuleTest::open;

    [[nodiscard]] CK_OBJECT_HANDLE private_key(std::uint8_t id) { return object(s, CKO_PRIVATE_KEY, id); }
    [[nodiscard]] CK_OBJECT_HANDLE public_key(std::uint8_t id) { return object(s, CKO_PUBLIC_KEY, id); }
    [[nodiscard]] CK_OBJECT_HANDLE certificate(std::uint8_t id = kLogin) { return object(s, CKO_CERTIFICATE, id); }
    // One that nothing was asked of yet.
    [[nodiscard]] CK_OBJECT_HANDLE unread_certificate() {
        return find(s, std::move(Template().number(CKA_CLASS, CKO_CERTIFICATE))).at(0);
    }
    CK_RV create(Template wanted);
    // Session objects; 0 if they can't be made.
    [[nodiscard]] CK_OBJECT_HANDLE data(CK_ATTRIBUTE_TYPE denied = 0);
    [[nodiscard]] CK_OBJECT_HANDLE aes(CK_ATTRIBUTE_TYPE denied = 0, CK_ATTRIBUTE_TYPE granted = 0);
    [[nodiscard]] CK_OBJECT_HANDLE generic(std::size_t size = 20);
    // The login key's public half as a session object that isn't for one thing.
    [[nodiscard]] CK_OBJECT_HANDLE rsa_without(CK_ATTRIBUTE_TYPE denied);

    // A call by its name, begun with a mechanism that has no parameter.
    using Init = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE);
    CK_RV init(Init function, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
        CK_MECHANISM mechanism = of(type);
        return function(s, &mechanism, key);
    }
    CK_RV digest() {
        CK_MECHANISM mechanism = of(CKM_SHA256);
        return f.C_DigestInit(s, &mechanism);
    }
    CK_RV generate(CK_MECHANISM_TYPE type, Template wanted);
    CK_RV generate_pair(Template publicly, Template privately, CK_MECHANISM_TYPE type = CKM_EC_KEY_PAIR_GEN);
    CK_RV wrap(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key);
    CK_RV unwrap(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE with, ByteView wrapped, Template wanted);
    CK_RV derive(CK_OBJECT_HANDLE base, Template wanted, CK_MECHANISM_TYPE type = CKM_ECDH1_DERIVE);
    CK_RV set_pin(std::string old_pin, std::string new_pin);
    // The officer's: a certificate for the device's key.
    CK_RV write_certificate();
    // Every try spent by another program; what is asked then; and the PIN as it was.
    CK_RV while_locked(const std::function<CK_RV()>& ask);
    // A call with the key taken out, and put in again.
    CK_RV without_token(const std::function<CK_RV()>& ask);
    // The same when another call has met the loss before.
    CK_RV after_loss(const std::function<CK_RV()>& ask);
    // From a scene that is stopped: one with the token behind a wire that can be told to fail.
    CK_RV through_wire(State state, const std::function<CK_RV(FailingWire&)>& ask);
    // Another program's doing, in a slot of its own: an RSA key (CKA_ID kStray), and one of another kind in its place.
    void put_stray_key(protocol::PinPolicy policy = protocol::PinPolicy::standard);
    void replace_stray_key();

    SimulatedKey& token = key_;
    CK_FUNCTION_LIST_3_0& f;
    CK_SESSION_HANDLE s = 0;
    CK_SLOT_ID empty = 0;  // a slot without a token
    CK_OBJECT_HANDLE made = 0;
    unsigned char b[512] = {};
    CK_ULONG length = sizeof(b);
};

constexpr std::uint8_t kStray = 6;

// Operations begun, with what they work on.
void begin_rsa(Scene& c, Scene::Init init, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type = CKM_RSA_PKCS);
void begin_sign(Scene& c, CK_MECHANISM_TYPE type = CKM_SHA256_RSA_PKCS, std::uint8_t key = kLogin);
void begin_verify(Scene& c, CK_MECHANISM_TYPE type = CKM_SHA256_RSA_PKCS, std::uint8_t key = kLogin);
// With data that RSA_PKCS pads and the token's own public key has encrypted.
void encrypted_for_token(Scene& c, std::uint8_t key = kDecryption);

// Of 3.0, which the packaged header doesn't know.
inline constexpr CK_RV kAeadDecryptFailed = 0x42;
inline constexpr CK_RV kTokenResourceExceeded = 0x201;
struct Standard {
    std::string_view function;
    std::vector<CK_RV> codes;
};
[[nodiscard]] const std::vector<Standard>& standard();

struct Row {
    std::string_view function;
    CK_RV code;
    State state;
    std::function<CK_RV(Scene&)> call;
};
[[nodiscard]] std::vector<Row> general_rows();
[[nodiscard]] std::vector<Row> object_rows();
[[nodiscard]] std::vector<Row> operation_rows();
[[nodiscard]] std::vector<Row> key_rows();
[[nodiscard]] std::vector<Row> failure_rows();

// function: "": each for which the code isn't provoked; kMessages: what nothing can begin.
constexpr std::string_view kMessages = "C_*Message*";
[[nodiscard]] inline bool is_message_function(std::string_view function) {
    return function.find("Message") != std::string_view::npos;
}
struct Unprovoked {
    std::string_view function;
    CK_RV code;
    std::string_view reason;
};
[[nodiscard]] const std::vector<Unprovoked>& unprovoked();

// Codes that the standard doesn't name for a function, and why it gives them.
[[nodiscard]] const std::vector<Unprovoked>& beyond();

// A row: the function, its code, what holds before, and the statements of the call.
#define SEALKEY_ROW(function, code, state, ...)                                     \
    Row {                                                                           \
#function, CKR_##code, State::state, [](Scene & c) -> CK_RV { __VA_ARGS__ } \
    }

}  // namespace sealkey::test::conformance
