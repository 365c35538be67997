// The module as a program sees it, and a few calls in one.
#pragma once

#include <gtest/gtest.h>
#include <p11-kit/pkcs11.h>

#include <cstring>
#include <optional>

#include "simulated_key.h"

namespace sealkey::test {

// Loaded once per process, by dlopen.
[[nodiscard]] CK_FUNCTION_LIST& module();

// An attribute of a template, with its value inside.
class Template {
public:
    Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) { return bytes(type, &value, sizeof(value)); }
    Template& flag(CK_ATTRIBUTE_TYPE type, bool value) {
        const CK_BBOOL byte = value ? CK_TRUE : CK_FALSE;
        return bytes(type, &byte, 1);
    }
    Template& bytes(CK_ATTRIBUTE_TYPE type, const void* value, std::size_t size);
    Template& bytes(CK_ATTRIBUTE_TYPE type, ByteView value) { return bytes(type, value.data(), value.size()); }
    [[nodiscard]] CK_ATTRIBUTE* data() { return attributes_.data(); }
    [[nodiscard]] CK_ULONG size() const { return attributes_.size(); }

private:
    std::vector<CK_ATTRIBUTE> attributes_;
    std::vector<std::unique_ptr<ByteVector>> values_;
};

class ModuleTest : public ::testing::Test {
protected:
    ModuleTest();
    ~ModuleTest() override;

    [[nodiscard]] CK_SESSION_HANDLE open(CK_FLAGS flags = CKF_SERIAL_SESSION, CK_SLOT_ID slot = 0);
    CK_RV login(CK_SESSION_HANDLE session, const char* pin, CK_USER_TYPE user = CKU_USER);
    [[nodiscard]] std::vector<CK_OBJECT_HANDLE> find(CK_SESSION_HANDLE session, Template wanted = {});
    // The one object of that class and CKA_ID; CK_INVALID_HANDLE if there is none.
    [[nodiscard]] CK_OBJECT_HANDLE object(CK_SESSION_HANDLE session, CK_OBJECT_CLASS object_class, std::uint8_t id);
    // An attribute's value; nothing if the call fails.
    [[nodiscard]] std::optional<ByteVector> attribute(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                                                      CK_ATTRIBUTE_TYPE type);
    [[nodiscard]] CK_RV attribute_code(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
    // SignInit and Sign; the signature, or nothing and `code`.
    std::optional<ByteVector> sign(CK_SESSION_HANDLE session, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key,
                                   ByteView data, CK_RV* code = nullptr);
    [[nodiscard]] CK_FLAGS token_flags(CK_SLOT_ID slot = 0);

    SimulatedKey key_;
    CK_FUNCTION_LIST& p11_;
};

// A token with keys and certificates, and the library initialised.
class PersonalisedModuleTest : public ModuleTest {
protected:
    PersonalisedModuleTest();
    ~PersonalisedModuleTest() override { p11_.C_Finalize(nullptr); }
    std::size_t start_ = 0;  // commands that were sent before the module's first
};

inline constexpr std::uint8_t kLogin = 1;
inline constexpr std::uint8_t kSignature = 2;
inline constexpr std::uint8_t kDecryption = 3;
inline constexpr std::uint8_t kDevice = 4;
inline constexpr std::uint8_t kFormer = 5;

[[nodiscard]] inline ByteView text(const char* s) { return {reinterpret_cast<const std::uint8_t*>(s), std::strlen(s)}; }
[[nodiscard]] inline CK_MECHANISM of(CK_MECHANISM_TYPE type) { return {type, nullptr, 0}; }
inline const ByteView kMessage = text("a licence application");
[[nodiscard]] ByteVector sha256(ByteView data);
// OpenSSL's word on a signature; `pss`: the salt's length.
[[nodiscard]] bool rsa_verifies(const Key& key, const char* hash, ByteView message, ByteView signature,
                                std::optional<int> pss = std::nullopt);
[[nodiscard]] bool ecdsa_verifies(const Key& key, const char* hash, ByteView message, ByteView signature);

}  // namespace sealkey::test
