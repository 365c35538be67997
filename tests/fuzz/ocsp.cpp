// What strangers may ask an OCSP responder, behind the certificate of the CA that it speaks for: always an answer that
// OpenSSL reads, which says something about certificates or that it doesn't; serial numbers are looked up as digits.
#include "ca/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <algorithm>
#include <cstdlib>

#include "ca/certificate.h"
#include "ca/error.h"

using namespace sealkey;

namespace {

struct Responder {
    ca::PKey key = ca::generate_key("p256");
    ca::Cert issuer = ca::make_authority_certificate(
        {ca::AuthorityKind::root, "fuzz", "fuzz", ca::now(), ca::now() + std::chrono::hours(100)}, key.get(), nullptr,
        key.get());
    ca::OcspSigner signer =
        ca::make_ocsp_signer(issuer.get(), key.get(), ca::now(), ca::now() + std::chrono::hours(99));
};

ca::OcspStatus look_up(const std::string& serial) {
    if (serial.empty() || serial.find_first_not_of("-0123456789ABCDEF") != std::string::npos) std::abort();
    if (serial == "01") return {true, std::nullopt};
    if (serial == "02") return {true, ca::Revoked{serial, ca::now(), ca::kHold}};
    if (serial == "03") return {true, ca::Revoked{serial, ca::now(), "unspecified"}};
    return {};
}

// The certificate in front; nothing if there is none.
ca::Cert take_certificate(Bytes& rest) {
    if (rest.size() < 4 || rest[1] != 0x82) return nullptr;
    const std::size_t size = std::min(rest.size(), 4 + std::size_t{rest[2]} * 256 + rest[3]);
    const Bytes der = rest.first(size);
    rest = rest.subspan(size);
    try {
        return ca::certificate_of_der(der);
    } catch (const ca::CaError&) {
        return nullptr;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Responder responder;
    Bytes rest(data, size);
    const ca::Cert issuer = take_certificate(rest);
    if (!issuer) return 0;
    const auto der = ca::ocsp_answer(issuer.get(), responder.signer, look_up, rest, ca::now());
    const unsigned char* p = der.data();
    const ca::Owned<OCSP_RESPONSE, OCSP_RESPONSE_free> answer(
        d2i_OCSP_RESPONSE(nullptr, &p, static_cast<long>(der.size())));
    if (!answer) std::abort();
    const ca::Owned<OCSP_BASICRESP, OCSP_BASICRESP_free> basic(OCSP_response_get1_basic(answer.get()));
    if ((OCSP_response_status(answer.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL) != (basic != nullptr)) std::abort();
    ERR_clear_error();
    return 0;
}
