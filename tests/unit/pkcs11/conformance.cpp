#include "conformance.h"

#include <dlfcn.h>

#include <array>

#include "support/hex.h"
#include "support/test_keys.h"

namespace sealkey::test::conformance {

namespace {

constexpr CK_FLAGS kReadWrite = CKF_SERIAL_SESSION | CKF_RW_SESSION;

CK_FUNCTION_LIST_3_0& list_of_3_0() {
    void* handle = ::dlopen(SEALKEY_MODULE, RTLD_NOW | RTLD_LOCAL);
    const auto get = reinterpret_cast<CK_C_GetInterface>(::dlsym(handle, "C_GetInterface"));
    CK_INTERFACE* found = nullptr;
    if (get == nullptr || get(nullptr, nullptr, &found, 0) != CKR_OK) throw std::runtime_error("no interface");
    return *static_cast<CK_FUNCTION_LIST_3_0*>(found->pFunctionList);
}

}  // namespace

Scene::Scene() : f(list_of_3_0()) { end(); }

void Scene::begin(State state) {
    made = 0;
    length = sizeof(b);
    std::fill(std::begin(b), std::end(b), 0);
    if (state == State::stopped) return;
    CK_C_INITIALIZE_ARGS arguments{};
    arguments.flags = CKF_OS_LOCKING_OK;
    if (f.C_Initialize(&arguments) != CKR_OK) throw std::runtime_error("C_Initialize");
    CK_ULONG count = 0;
    if (f.C_GetSlotList(CK_FALSE, nullptr, &count) != CKR_OK) throw std::runtime_error("C_GetSlotList");
    empty = count - 1;
    s = open(kReadWrite);
    if (state == State::user && login(s, kPin) != CKR_OK) throw std::runtime_error("C_Login");
    if (state == State::officer && login(s, kManagement, CKU_SO) != CKR_OK) throw std::runtime_error("C_Login");
}

void Scene::end() { f.C_Finalize(nullptr); }

CK_RV Scene::create(Template wanted) { return f.C_CreateObject(s, wanted.data(), wanted.size(), &made); }

CK_OBJECT_HANDLE Scene::data(CK_ATTRIBUTE_TYPE denied) {
    Template wanted;
    wanted.number(CKA_CLASS, CKO_DATA).bytes(CKA_VALUE, kMessage);
    if (denied != 0) wanted.flag(denied, false);
    return create(std::move(wanted)) == CKR_OK ? made : 0;
}

CK_OBJECT_HANDLE Scene::aes(CK_ATTRIBUTE_TYPE denied, CK_ATTRIBUTE_TYPE granted) {
    Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, ByteVector(16, 1));
    if (denied != 0) wanted.flag(denied, false);
    if (granted != 0) wanted.flag(granted, true);
    return create(std::move(wanted)) == CKR_OK ? made : 0;
}

CK_OBJECT_HANDLE Scene::generic(std::size_t size) {
    Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
    wanted.bytes(CKA_VALUE, ByteVector(size, 1));
    return create(std::move(wanted)) == CKR_OK ? made : 0;
}

CK_OBJECT_HANDLE Scene::rsa_without(CK_ATTRIBUTE_TYPE denied) {
    const auto whole = public_key(kLogin);
    Template wanted;
    wanted.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_RSA).flag(denied, false);
    for (const CK_ATTRIBUTE_TYPE type : {CKA_MODULUS, CKA_PUBLIC_EXPONENT})
        wanted.bytes(type, *attribute(s, whole, type));
    return create(std::move(wanted)) == CKR_OK ? made : 0;
}

CK_RV Scene::generate(CK_MECHANISM_TYPE type, Template wanted) {
    CK_MECHANISM mechanism = of(type);
    return f.C_GenerateKey(s, &mechanism, wanted.data(), wanted.size(), &made);
}

CK_RV Scene::generate_pair(Template publicly, Template privately, CK_MECHANISM_TYPE type) {
    CK_MECHANISM mechanism = of(type);
    CK_OBJECT_HANDLE other = 0;
    return f.C_GenerateKeyPair(s, &mechanism, publicly.data(), publicly.size(), privately.data(), privately.size(),
                               &other, &made);
}

CK_RV Scene::wrap(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE with, CK_OBJECT_HANDLE key) {
    CK_MECHANISM mechanism = of(type);
    return f.C_WrapKey(s, &mechanism, with, key, b, &length);
}

CK_RV Scene::unwrap(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE with, ByteView wrapped, Template wanted) {
    CK_MECHANISM mechanism = of(type);
    ByteVector copy(wrapped.begin(), wrapped.end());
    return f.C_UnwrapKey(s, &mechanism, with, copy.data(), copy.size(), wanted.data(), wanted.size(), &made);
}

CK_RV Scene::derive(CK_OBJECT_HANDLE base, Template wanted, CK_MECHANISM_TYPE type) {
    auto point = *attribute(s, public_key(kFormer), CKA_EC_POINT);
    CK_ECDH1_DERIVE_PARAMS parameters{CKD_NULL, 0, nullptr, point.size(), point.data()};
    CK_MECHANISM mechanism{type, &parameters, sizeof(parameters)};
    return f.C_DeriveKey(s, &mechanism, base, wanted.data(), wanted.size(), &made);
}

CK_RV Scene::set_pin(std::string old_pin, std::string new_pin) {
    return f.C_SetPIN(s, reinterpret_cast<unsigned char*>(old_pin.data()), old_pin.size(),
                      reinterpret_cast<unsigned char*>(new_pin.data()), new_pin.size());
}

CK_RV Scene::write_certificate() {
    const std::uint8_t id = kDevice;
    Template wanted;
    wanted.number(CKA_CLASS, CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509).flag(CKA_TOKEN, true);
    wanted.bytes(CKA_VALUE, certificate_for(ec_key(), "the device")).bytes(CKA_ID, &id, 1);
    return create(std::move(wanted));
}

CK_RV Scene::while_locked(const std::function<CK_RV()>& ask) {
    const auto other = token.client();
    for (int tries = 0; tries < 20 && !other->token_status().pin.blocked; ++tries) {
        EXPECT_ANY_THROW(other->verify(text("999999")));
    }
    const CK_RV code = ask();
    other->unblock(text(kPuk), text(kPin));
    return code;
}

CK_RV Scene::without_token(const std::function<CK_RV()>& ask) {
    token.unplug();
    const CK_RV code = ask();
    token.plug();
    return code;
}

CK_RV Scene::after_loss(const std::function<CK_RV()>& ask) {
    return without_token([&] {
        EXPECT_EQ(set_pin(kPin, kPin), CKR_DEVICE_REMOVED);
        return ask();
    });
}

CK_RV Scene::through_wire(State state, const std::function<CK_RV(FailingWire&)>& ask) {
    FailingWire wire(token.socket_path());
    ::setenv("SEALKEY_SIM_SOCKETS", wire.path().c_str(), 1);
    begin(state);
    const CK_RV code = ask(wire);
    end();
    ::setenv("SEALKEY_SIM_SOCKETS", token.socket_path().c_str(), 1);
    return code;
}

namespace {
constexpr std::uint8_t kStraySlot = protocol::ref::retired_first + kStray - kFormer;
}

void Scene::put_stray_key(protocol::PinPolicy policy) {
    const auto part = [](std::string_view text) { return sealkey::testing::from_hex(text); };
    const ByteVector p = part(sealkey::testing::kTestRsaP);
    const ByteVector q = part(sealkey::testing::kTestRsaQ);
    const ByteVector dp = part(sealkey::testing::kTestRsaDp);
    const ByteVector dq = part(sealkey::testing::kTestRsaDq);
    const ByteVector qinv = part(sealkey::testing::kTestRsaQinv);
    const auto other = token.client();
    token.authenticate(*other);
    other->import_rsa(kStraySlot, protocol::Algorithm::rsa2048, {p, q, dp, dq, qinv}, policy);
}

void Scene::replace_stray_key() {
    const auto other = token.client();
    token.authenticate(*other);
    static_cast<void>(other->generate(kStraySlot, protocol::Algorithm::p256));
}

}  // namespace sealkey::test::conformance
