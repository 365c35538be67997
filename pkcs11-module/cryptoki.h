// The standard's header (p11-kit's packaged one, PKCS#11 2.40) and the few constants of 3.0 that clients look for in a
// 2.40 module as well; the module's one exception.
#pragma once

#include <p11-kit/pkcs11.h>

#include <cstdint>
#include <exception>
#include <span>
#include <vector>

// p11-kit's header leaves these macros of its own behind.
#undef hash_alg
#undef s_len
#undef source_data
#undef source_data_len
#undef shared_data
#undef shared_data_len
#undef public_data
#undef public_data_len

#ifndef CKO_PROFILE
#define CKO_PROFILE (9UL)
#endif
#ifndef CKA_PROFILE_ID
#define CKA_PROFILE_ID (0x601UL)
#endif
#ifndef CKP_BASELINE_PROVIDER
#define CKP_BASELINE_PROVIDER (1UL)
#endif
#ifndef CKP_PUBLIC_CERTIFICATES_TOKEN
#define CKP_PUBLIC_CERTIFICATES_TOKEN (4UL)
#endif
#ifndef CKA_UNIQUE_ID
#define CKA_UNIQUE_ID (0x4UL)
#endif
#ifndef CKR_OPERATION_CANCEL_FAILED
#define CKR_OPERATION_CANCEL_FAILED (0x202UL)
#endif
#ifndef CK_UNAVAILABLE_INFORMATION
#define CK_UNAVAILABLE_INFORMATION (~0UL)
#endif
#ifndef CK_EFFECTIVELY_INFINITE
#define CK_EFFECTIVELY_INFINITE (0UL)
#endif
#ifndef CKF_ARRAY_ATTRIBUTE
#define CKF_ARRAY_ATTRIBUTE (0x40000000UL)
#endif

namespace sealkey::pkcs11 {

using ByteVector = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// Another program holds the reader exclusively, or was in its transaction for longer than we wait.
inline constexpr CK_RV kReaderInUse = CKR_VENDOR_DEFINED | 0x5EA1UL;

// A call that ends with this return code.
class Refusal : public std::exception {
public:
    explicit Refusal(CK_RV code) : code_(code) {}
    [[nodiscard]] CK_RV code() const { return code_; }
    [[nodiscard]] const char* what() const noexcept override { return "refused"; }

private:
    CK_RV code_;
};

[[noreturn]] inline void refuse(CK_RV code) { throw Refusal(code); }
inline void require(bool condition, CK_RV otherwise) {
    if (!condition) refuse(otherwise);
}

}  // namespace sealkey::pkcs11
